import KelvinCache
import KelvinCheckpoints
import KelvinModels
import KelvinPolicies
import KelvinTensors
import TestModels
import TestSupport
import Testing

@Suite("Grouped-query attention becomes latent attention")
struct LatentConversionTests {
  private static func llama(_ folder: String, positions: Bool) throws -> Checkpoint {
    var checkpoint = try CheckpointReader.read(path: Fixtures.path(folder))
    guard !positions else { return checkpoint }
    // Positions shrunk to nothing: no turning, and nothing that a conversion could lose by it.
    checkpoint.metadata["rope_scaling"] = .object(["rope_type": .string("linear"), "factor": .number(1e30)])
    checkpoint.metadata["llama.rope.scaling.type"] = .string("linear")
    checkpoint.metadata["llama.rope.scaling.factor"] = .number(1e30)
    return checkpoint
  }

  private static let tokens: [Int32] = {
    var numbers = SeededNumbers(seed: 2)
    return numbers.tokens(40, vocabulary: 320)
  }()

  private static func logits(_ checkpoint: Checkpoint) throws -> [[Float]] {
    let model = try TestModel(checkpoint)
    var cache = model.cache()
    return try model.read(tokens, into: &cache)
  }

  private static func distance(_ a: [[Float]], _ b: [[Float]]) -> Float {
    zip(a, b).map { greatestDifference($0, $1) }.max() ?? .infinity
  }

  private static func calibration(_ checkpoint: Checkpoint, tokens: [Int32]) throws -> LatentCalibration {
    let model = try TestModel(checkpoint)
    var cache = model.cache()
    cache.expect(tokens.count)
    var memory = CalibratingMemory(cache)
    _ = try model.model.logits(for: tokens, wanting: .none, memory: &memory, on: model.processor)
    return memory.calibration
  }

  @Test(
    "without positions and with all directions it computes the same, in the style of the source",
    arguments: ["llama-mha", "llama-gqa", "llama-mqa", "gguf-llama256/tiny256-F16.gguf"], [2, 6])
  func exact(_ folder: String, turned: Int) throws {
    let source = try Self.llama(folder, positions: false)
    let configuration = try DecoderFamily.llama.configuration(of: source)
    let width = configuration.keyValueHeads[0] * (2 * configuration.headWidth - turned)
    let expected = try Self.logits(source)
    let calibration = try Self.calibration(source, tokens: Self.tokens)
    for decomposition in LatentConversion.Decomposition.allCases {
      var conversion = LatentConversion(latentWidth: width, turnedChannels: turned, decomposition: decomposition)
      for calibration in [nil, calibration] {
        let result = try conversion.apply(to: source, calibration: calibration)
        #expect(result.style == source.style)
        #expect(Self.distance(try Self.logits(result), expected) <= 1e-4)
      }
      conversion.basis = .activations
      let measured = try conversion.apply(to: source, calibration: calibration)
      #expect(Self.distance(try Self.logits(measured), expected) <= 1e-4)
    }
  }

  @Test("layers with different numbers of KV heads are refused, for latents have one width in all")
  func mixed() throws {
    let source = try CheckpointReader.read(path: Fixtures.path("llama-mixed"))
    let error = #expect(throws: ModelError.self) {
      try LatentConversion(latentWidth: 8, turnedChannels: 2).check(source)
    }
    #expect(
      error?.description
        == "llama-mixed: option 'mla': a model whose layers have 1, 2, 4 KV heads is not possible, expected as many in "
        + "every layer, which --kv-heads 1 makes.")
    let pooled = try HeadPooling(heads: [1]).apply(to: source)
    #expect(throws: Never.self) { try LatentConversion(latentWidth: 8, turnedChannels: 2).check(pooled) }
  }

  @Test("what turning multiplies by moves into the queries")
  func magnitude() throws {
    var source = try Self.llama("llama-gqa", positions: true)
    source.metadata["rope_scaling"] = .object([
      "rope_type": .string("yarn"), "factor": .number(2), "attention_factor": .number(1.5),
      "original_max_position_embeddings": .integer(256),
    ])
    let (layers, turned) = (3, 14)
    let result = try LatentConversion(latentWidth: 2 * 18, turnedChannels: turned).apply(to: source)
    let plain = try LatentConversion(latentWidth: 2 * 18, turnedChannels: turned).apply(
      to: Self.llama("llama-gqa", positions: true))
    for layer in 0..<layers {
      let name = "model.layers.\(layer).self_attn.q_proj.weight"
      let (found, before) = try (#require(result.tensors[name]).floats(), #require(plain.tensors[name]).floats())
      #expect(zip(found, before).allSatisfy { abs($0 - 2.25 * $1) <= 1e-5 })
    }
  }

  @Test("a model converts alike in both styles")
  func styles() throws {
    let source = try Self.llama("llama-gqa", positions: true)
    let translated = try ArchitectureRegistry.conversion(of: source).translate(source, to: .gguf)
    let conversion = LatentConversion(latentWidth: 20, turnedChannels: 4)
    let (first, second) = try (conversion.apply(to: source), conversion.apply(to: translated))
    #expect(first.metadata["kelvin.rotary_frequencies"] != nil)
    // GGUF's constants are 32-bit floats, and positions are turned by angles that differ in their last bits.
    #expect(Self.distance(try Self.logits(first), try Self.logits(second)) <= 1e-3)
  }

  @Test("a token takes the latent and the kept channels of all KV heads, per layer")
  func bytes() throws {
    let source = try Self.llama("llama-gqa", positions: true)
    let result = try LatentConversion(latentWidth: 20, turnedChannels: 4).apply(to: source)
    let layout = try ArchitectureRegistry.describe(result).layout
    // 3 layers, 2 KV heads, 2 pairs of channels.
    #expect(layout.bytesPerToken(formats: EntryFormats(keys: .f16)) == 3 * (20 + 2 * 2 * 2) * 2)
  }

  @Test("measured activations keep more than weights alone, at every width", arguments: [8, 16, 24])
  func measured(_ width: Int) throws {
    let source = try Self.llama("llama-gqa", positions: false)
    let expected = try Self.logits(source)
    let calibration = try Self.calibration(source, tokens: Self.tokens)
    func error(_ basis: LatentConversion.Basis) throws -> Float {
      let conversion = LatentConversion(latentWidth: width, turnedChannels: 4, basis: basis)
      let found = try Self.logits(conversion.apply(to: source, calibration: calibration))
      return zip(found, expected).reduce(0) { $0 + zip($1.0, $1.1).reduce(0) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) } }
    }
    #expect(try error(.activations) < error(.weights))
  }

  @Test("keys and values together lose less than apart, at equal width")
  func joint() throws {
    let source = try CheckpointReader.read(path: Fixtures.path("llama-mha"))
    let names = DecoderTensorNames(.huggingFace)
    let rows = try [LayerPart.key, .value].flatMap { part in
      try #require(source.tensors[names.name(part, layer: 1)]).floats()
    }
    let size = rows.count / 64
    var moments = ContiguousArray<Double>(repeating: 0, count: size * size)
    for index in moments.indices {
      let (row, other) = (index / size * 64, index % size * 64)
      for column in 0..<64 { moments[index] += Double(rows[row + column]) * Double(rows[other + column]) }
    }
    func lost(_ keys: Range<Int>, _ values: Range<Int>, rank: Int) -> Double {
      LatentDecomposition(
        moments: moments, size: size, keys: Array(keys), values: Array(values), rank: rank, isBalanced: false
      ).lost
    }
    let (keys, values) = (0..<size / 2, size / 2..<size)
    let apart = lost(keys, 0..<0, rank: 16) + lost(0..<0, values, rank: 16)
    #expect(lost(keys, values, rank: 32) < apart)
    #expect(lost(keys, values, rank: 32) > 0)
    // The weights have 64 columns, and so no more directions.
    #expect(lost(keys, values, rank: 64) < 1e-9)
  }

  @Test(
    "sizes that the model has no room for are refused, by the name of the option",
    arguments: [(0, 2, "mla"), (10_000, 2, "mla"), (8, 0, "mla-rope"), (8, 16, "mla-rope"), (8, 3, "mla-rope")])
  func refusals(width: Int, turned: Int, option: String) throws {
    let source = try Self.llama("llama-gqa", positions: true)
    let error = #expect(throws: ModelError.self) {
      try LatentConversion(latentWidth: width, turnedChannels: turned).apply(to: source)
    }
    guard case .unsuitableRetrofit(_, option, _, _)? = error else {
      Issue.record("\(String(describing: error))")
      return
    }
  }

  @Test("the least of a split latent is one direction of keys and one of values")
  func leastSplit() throws {
    let source = try Self.llama("llama-gqa", positions: true)
    let conversion = { LatentConversion(latentWidth: $0, turnedChannels: 14, decomposition: .split) }
    #expect(throws: ModelError.self) { try conversion(1).check(source) }
    for width in [2, 3, 35, 36] { #expect(throws: Never.self) { try conversion(width).apply(to: source) } }
  }

  @Test(
    "models that no latents can be made of are refused",
    arguments: ["qwen2", "mistral-swa", "gpt2", "sink-learned", "sink-zero", "deepseek-v3"])
  func others(_ folder: String) throws {
    let source = try CheckpointReader.read(path: Fixtures.path(folder))
    #expect(throws: ModelError.self) { try LatentConversion(latentWidth: 8, turnedChannels: 4).check(source) }
  }

  @Test("it ends when the caller wants no more")
  func cancelled() throws {
    let source = try Self.llama("llama-gqa", positions: true)
    #expect(throws: ModelError.cancelled(model: source.name)) {
      try LatentConversion(latentWidth: 8, turnedChannels: 4).apply(to: source) { $0 < 0.5 }
    }
  }
}

@Suite("Eigenvectors")
struct EigenvectorTests {
  @Test("turn a symmetric matrix into its eigenvalues, largest first", arguments: [1, 2, 3, 10, 64])
  func eigenvectors(_ size: Int) {
    var numbers = SeededNumbers(seed: UInt64(size))
    let random = numbers.floats(size * size).map(Double.init)
    var matrix = ContiguousArray<Double>(repeating: 0, count: size * size)
    for row in 0..<size {
      for column in 0..<size { matrix[row * size + column] = random[row * size + column] + random[column * size + row] }
    }
    check(matrix, size)
  }

  @Test("also where eigenvalues are equal or zero")
  func degenerate() {
    check([2, 0, 0, 0, 2, 0, 0, 0, 2], 3)
    check([0, 0, 0, 0], 2)
    check(ContiguousArray(repeating: 1, count: 25), 5)
  }

  private func check(_ matrix: ContiguousArray<Double>, _ size: Int) {
    let eigen = SymmetricEigenvectors(matrix, size: size)
    #expect(eigen.values.elementsEqual(eigen.values.sorted(by: >)))
    for first in 0..<size {
      let vector = eigen.vectors[first * size..<(first + 1) * size]
      for second in 0..<size {
        let other = eigen.vectors[second * size..<(second + 1) * size]
        let product = zip(vector, other).reduce(0) { $0 + $1.0 * $1.1 }
        #expect(abs(product - (first == second ? 1 : 0)) < 1e-12)
      }
      for row in 0..<size {
        let image = zip(matrix[row * size..<(row + 1) * size], vector).reduce(0) { $0 + $1.0 * $1.1 }
        #expect(abs(image - eigen.values[first] * vector[vector.startIndex + row]) < 1e-11)
      }
    }
  }
}
