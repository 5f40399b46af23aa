public import ArgumentParser
import Foundation
import KelvinEngine
public import KelvinModels
import KelvinTensors

/// `kelvin convert`: writes a model in another container, format or number of KV heads, or with latent attention.
struct Convert: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Writes a model as GGUF or safetensors, in another format, with fewer KV heads or latent attention.",
    discussion: """
      OUT is a GGUF file if it ends in .gguf, otherwise a Hugging Face folder: config.json, model.safetensors and the
      tokenizer's files. Names, the order of rows, tokenizer and chat template are carried over. Nothing is overwritten,
      and OUT appears when it is whole. What the other container has no place for is refused by its name; a DeepSeek's
      layers behind the last, which predict further tokens, are left out with a note.

      --type is for matrices. Norms and biases become f32. With a type below 6 bits the embedding and the output head
      become q6_k. Rows that are no whole blocks (256 numbers for q4_k and q6_k, else 32) take the next wider format, with
      a note: q4_k becomes q4_1, q6_k becomes q8_0, others f16. So do tensors with numbers beyond 65504, as f32.
      safetensors hold f32, f16 and bf16.

      --kv-heads pools consecutive KV heads, in all layers to one number or in each to its own of a comma-separated list. The
      model needs more training before it is as good as it was. Other programs may not read layers that differ. A DeepSeek's
      latents are no such heads.

      --mla makes the attention of a Llama latent (MLA), without training: a layer then remembers a latent of WIDTH numbers
      and --mla-rope turned channels for each KV head, in place of keys and values. Latents are found by what keys and
      values are like on the first --tokens of the text of --calibrate, three quarters of it at most, or by the weights
      alone. What follows in the text, or the text of --eval, is predicted before and after, and both perplexities are
      printed. The conversion loses much, and the result is a place to train from. It is a DeepSeek that only Kelvin reads.
      --kv-heads pools before; --type is for the result.

      Examples:
        kelvin convert SmolLM2-135M-Instruct smollm2.gguf --type q8_0
        kelvin convert smollm2.gguf folder --type f16
        kelvin convert llama.gguf mqa.gguf --kv-heads 1 --pool mean
        kelvin convert four-layers.gguf mixed.gguf --kv-heads 8,4,4,1
        kelvin convert smollm2.gguf latent --mla 160 --mla-rope 32 --calibrate book.txt
      """)

  @Argument(help: "The model: a GGUF file, a safetensors folder or file, or a llama2.c file.")
  var input: String
  @Argument(help: "What to write: a name that ends in .gguf, or that of a folder.")
  var output: String
  @Option(help: "Format: f32, f16, bf16, q8_0, q4_0, q4_1, q4_k or q6_k. (default: as stored, f16 where that fails)")
  var type: WeightType?
  @Option(
    help: "KV heads that are wanted, divisors of those that are there: a number, or one per layer. (default: as many)")
  var kvHeads: String?
  @Option(help: "What stands for the heads of a group: mean, first or random. (default: mean)")
  var pool: HeadPooling.Choice?
  @Option(name: .shortAndLong, help: "Seed of --pool random. (default: 0)")
  var seed: UInt64?
  @OptionGroup var latent: LatentFlags
  @Option(name: .shortAndLong, help: "Worker threads. (default: one per processor)")
  var threads: Int?
  @Flag(help: "Print one JSON object.")
  var json = false

  /// The formats that can be written, by their names on the command line.
  enum WeightType: String, CaseIterable, ExpressibleByArgument {
    case f32, f16, bf16, q8_0, q4_0, q4_1, q4_k, q6_k

    var format: WeightFormat? { WeightFormat.written.first { $0.rawValue.lowercased() == rawValue } }
  }

  func run() async throws {
    try await reporting {
      let isPlain = type.map { [.f32, .f16, .bf16].contains($0) } ?? true
      guard isPlain || output.lowercased().hasSuffix(".gguf") else {
        throw EngineError.invalidOption(
          option: "type", found: type?.rawValue ?? "", expected: "f32, f16 or bf16 for safetensors")
      }
      var options = ConversionOptions()
      options.type = type?.format
      options.pooling = try pooling()
      options.latent = try latent.options(for: input)
      options.threads = threads
      let cancellation = Cancellation()
      let interruption = Interruption { cancellation.cancel() }
      defer { withExtendedLifetime(interruption) {} }
      func step(_ what: String) -> (Double) -> Bool {
        { share in
          Terminal.progress(what, share)
          return !cancellation.isCancelled
        }
      }
      do {
        let conversion = try ModelConversion(from: input, to: output, options: options, progress: step("reading"))
        try conversion.write(progress: step("writing"))
        try show(conversion.report)
      } catch EngineError.cancelled {
        throw SystemExit.interrupted
      }
    }
  }

  /// What the flags say; `nil` where heads stay as they are.
  private func pooling() throws -> HeadPooling? {
    if let seed, pool != .random {
      throw EngineError.invalidOption(
        option: "seed", found: "\(seed) without --pool random", expected: "--pool random as well")
    }
    if let pool, kvHeads == nil {
      throw EngineError.invalidOption(
        option: "pool", found: "\(pool.rawValue) without --kv-heads", expected: "--kv-heads as well")
    }
    return try kvHeads.map { HeadPooling(heads: try Self.heads($0), choice: pool ?? .mean, seed: seed ?? 0) }
  }

  /// `1`, or `8,4,4,1` for four layers.
  private static func heads(_ text: String) throws -> [Int] {
    let parts = text.split(separator: ",", omittingEmptySubsequences: false)
    return try parts.enumerated().map { layer, part in
      if let count = Int(part) { return count }
      throw EngineError.invalidOption(
        option: "kv-heads", found: String(part).quoted + (parts.count > 1 ? " in layer \(layer)" : ""),
        expected: "whole numbers like 1 or 8,4,4,1")
    }
  }

  private func show(_ report: ConversionReport) throws {
    if json { return try Output.json(report) }
    for note in report.notes { Terminal.error("kelvin: note: \(note)\n") }
    let formats = report.formats.map { "\($0.tensors) \($0.format.lowercased())" }.joined(separator: ", ")
    Terminal.write(
      "\(output): \(report.tensors) tensors (\(formats)), \(Output.bytes(report.bytesBefore)) before, "
        + "\(Output.bytes(report.bytesAfter)) after, \(Output.number(report.bitsPerWeight)) bits per weight\n")
    if let latent = report.latent { Terminal.write(Self.text(latent)) }
  }

  /// Three lines: the cache, the predictions, and what to think of them.
  private static func text(_ report: LatentReport) -> String {
    func number(_ value: Double) -> String { String(format: "%.2f", value) }
    var predictions = "not measured; --calibrate FILE or --eval FILE does it"
    if let before = report.perplexityBefore, let after = report.perplexityAfter {
      predictions = "\(number(before)) before, \(number(after)) after, on \(report.evaluationTokens) tokens"
    }
    return """
      cache       \(report.numbersBefore) numbers per token and layer before, \(report.numbersAfter) after \
      (\(report.latentWidth) of a latent, \(report.rotaryWidth) turned); \
      \(Output.bytes(report.bytesPerTokenBefore)) per token before, \(Output.bytes(report.bytesPerTokenAfter)) after, f16
      perplexity  \(predictions)
      A conversion without training loses much: the result is a place to train from. Only Kelvin reads it.

      """
  }
}

extension HeadPooling.Choice: ExpressibleByArgument {}
