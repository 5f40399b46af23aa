import Foundation
import KelvinEngine

extension PlanReport {
  /// The plan for people.
  var text: String {
    var lines = [
      "model   \(name.map { $0 + ", " } ?? "")\(layers) layers, \(queryHeads) query heads; "
        + "\(leadingTokens > 0 ? "\(leadingTokens) of its own and " : "")\(tokens) tokens\(generatedTokens > 0 ? " and \(generatedTokens) generated" : "")"
        + " × \(batch) sequence\(batch == 1 ? "" : "s")",
      "cache   \(cache.formula)",
      "        = \(cache.numbers) = \(Self.bytes(cache.bytes))",
      "        \(Output.grouped(cache.bytesPerToken)) B per token, \(cache.format)",
      "pages   \(Self.bytes(cache.pageBytes)) in whole pages of 64 entries, as the allocator takes them",
    ]
    if cache.isBound { lines.append("        at most: entries are merged, and how many depends on the text") }
    if let multiHead {
      let factor = Double(multiHead.bytes) / Double(cache.bytes)
      lines.append("MHA     with a KV head for each query head, as formulas without GQA count:")
      lines.append(
        "        = \(multiHead.numbers) = \(Self.bytes(multiHead.bytes)), \(Output.number(factor)) times as much")
    }
    lines += policyLines + [fitLine] + growthLines
    return lines.joined(separator: "\n") + "\n"
  }

  private static func bytes(_ count: Int) -> String {
    "\(Output.grouped(count)) B (\(Output.decimalBytes(count)), \(Output.bytes(count)))"
  }

  private var policyLines: [String] {
    guard let policy, let least = policy.kept.min(), let most = policy.kept.max() else { return [] }
    let kept = least == most ? "\(least)" : "\(least) to \(most)"
    let share = Output.number(Double(policy.bytes) / Double(cache.pageBytes) * 100)
    let read = leadingTokens + tokens + max(0, generatedTokens - 1)
    var lines = [
      "policy  \(policy.policy): \(kept) of \(read) entries per head stay",
      "        = \(Self.bytes(policy.bytes)), \(share) % of the full cache",
    ]
    if policy.isBound {
      lines.append("        at most: how heads share entries, and how they lie in pages, depends on the text")
    }
    lines.append(
      "        at most \(Output.bytes(policy.peakBytes)) \(generatedTokens > 0 ? "at any time" : "while the prompt is read")"
        + (policy.peakBytes >= cache.pageBytes ? "; --kv-review-chunks bounds this" : ""))
    return lines
  }

  private var fitLine: String {
    let weights = fits.weightBytes > 0 ? "\(Output.bytes(fits.weightBytes)) of weights and " : "(weights not counted) "
    let start = "fits    \(Output.bytes(fits.memory)) hold \(weights)"
    guard let fitting = fits.tokens else { return start + "sequences of any length" }
    let context = fits.context.map { $0 < fitting ? ", more than the model's context of \($0)" : "" } ?? ""
    let generated = generatedTokens > 0 ? " and \(generatedTokens) generated" : ""
    return start + "\(Output.grouped(fitting)) tokens\(generated) × \(batch)\(context)"
  }

  private var growthLines: [String] {
    guard let activeParameters else { return [] }
    let header = "        " + "tokens".padding(to: 12) + "without a cache".padding(to: 20) + "with a cache"
    let table = growth.map { row in
      func cell(_ operations: Double, _ growth: Double?) -> String {
        String(format: "%.2e", operations) + (growth.map { String(format: " (×%.2f)", $0) } ?? "")
      }
      return "        " + "\(row.tokens)".padding(to: 12)
        + cell(row.uncached, row.uncachedGrowth).padding(to: 20) + cell(row.cached, row.cachedGrowth)
    }
    return [
      "time    operations to write so many tokens, and their growth per doubling;",
      "        P = \(Output.grouped(activeParameters)) parameters that a token uses, outside embedding and head",
      header,
    ] + table
  }
}
