import Foundation
import KelvinTensors

extension DeepSeekRope {
  /// The keys that state base and scaling; the magnitude of turned channels has no place in GGUF's.
  func statedKeys(in style: Checkpoint.Style) -> [String: MetadataValue] {
    switch style {
    case .gguf:
      // Constants are rounded as the computation rounds them.
      func single(_ value: Double) -> MetadataValue { .number(Double(Float(value))) }
      var keys = ["freq_base": single(base)]
      if let yarn {
        keys["scaling.type"] = .string("yarn")
        keys["scaling.factor"] = single(yarn.factor)
        keys["scaling.original_context_length"] = .whole(yarn.originalContext)
        keys["scaling.yarn_beta_fast"] = single(yarn.fast)
        keys["scaling.yarn_beta_slow"] = single(yarn.slow)
        if yarn.multiplier != 0 { keys["scaling.yarn_log_multiplier"] = single(0.1 * yarn.multiplier) }
      }
      return Dictionary(uniqueKeysWithValues: keys.map { ("deepseek2.rope." + $0, $1) })
    case .huggingFace:
      return ["rope_theta": .number(base), "rope_scaling": yarn.map { .object($0.huggingFaceKeys) } ?? .null]
    }
  }
}

extension DeepSeekRope.Yarn {
  /// `mscale_all_dim`: all scores are multiplied by `(0.1 · multiplier · ln(factor) + 1)²`.
  fileprivate var multiplier: Double { factor > 1 ? (scoreFactor.squareRoot() - 1) / (0.1 * log(factor)) : 0 }

  fileprivate var huggingFaceKeys: [String: MetadataValue] {
    var keys: [String: MetadataValue] = [
      "type": .string("yarn"), "factor": .shortest(Float(factor)), "beta_fast": .shortest(Float(fast)),
      "beta_slow": .shortest(Float(slow)), "original_max_position_embeddings": .whole(originalContext),
    ]
    if multiplier == 0 {
      // Without `mscale_all_dim`, turned channels would get a magnitude.
      keys["attention_factor"] = .number(1)
    } else {
      // GGUF rounds the tenth of it to 32 bits: the decimal nearest to that, times ten, is the number that was meant.
      let tenth = MetadataValue.shortest(Float(0.1 * multiplier)).number ?? 0
      keys["mscale"] = .shortest(Float(10 * tenth))
      keys["mscale_all_dim"] = keys["mscale"]
    }
    return keys
  }
}

extension MetadataValue {
  /// An integer where the number is one.
  fileprivate static func whole(_ value: Double) -> MetadataValue {
    Int(exactly: value).map { .integer($0) } ?? .number(value)
  }
}
