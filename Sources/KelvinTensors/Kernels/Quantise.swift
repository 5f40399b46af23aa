import CKelvinKernels

extension WeightFormat {
  /// The formats that `Processor.quantised` writes, widest first; the others are only read.
  public static let written: [WeightFormat] = [.f32, .bf16, .f16, .q8_0, .q6_K, .q4_1, .q4_K, .q4_0]

  /// The largest magnitude that survives in this format; half floats end early, and so do scales that are one.
  public var largestMagnitude: Float {
    switch self {
    case .f32: .greatestFiniteMagnitude
    case .bf16: 0x1.FEp127
    default: 65_504
    }
  }

  /// Bits that a number takes, scales included.
  public var bitsPerNumber: Double { Double(blockBytes * 8) / Double(blockLength) }
}

extension Processor {
  /// Numbers per piece of work: a multiple of every block length.
  private static let pieceLength = 1 << 16

  /// The blocks of `format` that stand for `numbers`, whose count is a whole number of blocks.
  ///
  /// Formats of 32 numbers follow their definition: `q8_0`, `q4_0` and `q4_1` take scale and minimum from the block's
  /// extremes. `q4_K` and `q6_K` search for the scales with the least squared error. Every format gives the same bytes
  /// for any number of threads. Cost: some nanoseconds per number, 40 for `q4_K`.
  public func quantised(_ numbers: ContiguousArray<Float>, as format: WeightFormat) -> ContiguousArray<UInt8> {
    guard let bytes = format.bytes(count: numbers.count), WeightFormat.written.contains(format) else {
      preconditionFailure("\(numbers.count) numbers as \(format.rawValue): not whole blocks, or a format only read")
    }
    return ContiguousArray(unsafeUninitializedCapacity: bytes) { output, count in
      let base = output.baseAddress
      numbers.withUnsafeBufferPointer { input in
        pieces(of: numbers.count) { range in
          guard let from = input.baseAddress, let base else { return }
          kelvin_quantise(
            format.kernelFormat, from + range.lowerBound, range.count,
            base + range.lowerBound / format.blockLength * format.blockBytes)
        }
      }
      count = bytes
    }
  }

  /// The numbers of `stored` as 32-bit floats, computed on all threads.
  ///
  /// `stored` holds whole blocks, as everything that a reader has checked does.
  public func numbers(of stored: StoredTensor) -> ContiguousArray<Float> {
    let format = stored.format
    precondition(format.bytes(count: stored.count) == stored.range.count, "\(stored.name): \(stored.range.count) bytes")
    return ContiguousArray(unsafeUninitializedCapacity: stored.count) { output, count in
      let base = output.baseAddress
      stored.source.withBytes(stored.range) { span in
        span.withUnsafeBytes { input in
          pieces(of: stored.count) { range in
            guard let from = input.baseAddress, let base else { return }
            kelvin_dequantise(
              format.kernelFormat, from + range.lowerBound / format.blockLength * format.blockBytes, range.count,
              base + range.lowerBound)
          }
        }
      }
      count = stored.count
    }
  }

  private func pieces(of count: Int, _ body: (Range<Int>) -> Void) {
    parallel((count + Self.pieceLength - 1) / Self.pieceLength) { piece, _ in
      body(piece * Self.pieceLength..<min(count, (piece + 1) * Self.pieceLength))
    }
  }
}
