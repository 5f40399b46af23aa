public import ArgumentParser
import KelvinEngine
public import KelvinModels
import KelvinText

/// Options that make attention latent while a model is converted.
struct LatentFlags: ParsableArguments {
  @Option(name: [.customLong("mla")], help: "Make attention latent, with this many numbers in a layer's latent.")
  var width: Int?
  @Option(
    name: [.customLong("mla-rope")],
    help: "Channels of each KV head that stay turned, an even number. (default: half of the head)")
  var turnedChannels: Int?
  @Option(name: [.customLong("mla-by")], help: "What latents are made by: activations or weights.")
  var basis: LatentConversion.Basis = .activations
  @Option(name: [.customLong("mla-svd")], help: "What is decomposed together: joint (keys with values) or split.")
  var decomposition: LatentConversion.Decomposition = .joint
  @Option(help: "A text that activations are measured on; what follows in it is predicted, unless --eval is given.")
  var calibrate: String?
  @Option(help: "A text that is predicted before and after.")
  var eval: String?
  @Option(help: "Tokens that are measured at most, and that are predicted at most.")
  var tokens = 4096

  /// What the flags say; `nil` where attention stays as it is.
  func options(for model: String) throws -> LatentOptions? {
    guard let width else {
      let given = [
        ("calibrate", calibrate), ("eval", eval), ("mla-rope", turnedChannels.map(String.init)),
        ("mla-by", basis == .activations ? nil : basis.rawValue),
        ("mla-svd", decomposition == .joint ? nil : decomposition.rawValue),
      ]
      for case (let option, let value?) in given {
        throw EngineError.invalidOption(
          option: option, found: "\(value) without --mla", expected: "--mla WIDTH as well")
      }
      return nil
    }
    guard tokens >= 1 else {
      throw EngineError.invalidOption(option: "tokens", found: "\(tokens)", expected: "at least 1")
    }
    let turned = try turnedChannels ?? LatentOptions.usualTurnedChannels(of: model)
    var options = LatentOptions(
      LatentConversion(latentWidth: width, turnedChannels: turned, basis: basis, decomposition: decomposition))
    guard calibrate != nil || eval != nil else { return options }
    let tokenizer = try LoadedModel.tokenizer(path: model)
    func encoded(_ path: String?) throws -> [Int32] { try path.map { tokenizer.encode(try TextFile.read($0)) } ?? [] }
    let text = try encoded(calibrate)
    // Without a text of its own for it, a quarter is held out for predictions.
    let measured = min(tokens, eval == nil ? text.count * 3 / 4 : text.count)
    options.calibration = Array(text[..<measured])
    options.evaluation = Array((eval == nil ? Array(text[measured...]) : try encoded(eval)).prefix(tokens))
    return options
  }
}

extension LatentConversion.Basis: ExpressibleByArgument {}
extension LatentConversion.Decomposition: ExpressibleByArgument {}
