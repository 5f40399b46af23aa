import CKelvinKernels

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// The packed bytes of a weight: panels of 16 rows, 64-byte aligned, never written again after `init`.
final class PackedPanels: @unchecked Sendable {
  let weight: kelvin_weight
  let bytes: Int
  private let storage: UnsafeMutableRawPointer

  var panelCount: Int { weight.panelCount }

  init(_ stored: StoredTensor, exact: Bool, processor: Processor) {
    let format = stored.format.kernelFormat
    var shape = kelvin_weight_for(format, Int32(stored.shape[0]), Int32(stored.shape[1]), exact)
    let panels = (stored.shape[0] + Int(KELVIN_PANEL) - 1) / Int(KELVIN_PANEL)
    bytes = panels * shape.panel_bytes
    storage = Buffer.aligned(bytes: bytes)
    shape.data = UnsafePointer(storage.assumingMemoryBound(to: UInt8.self))
    weight = shape
    let output = storage
    stored.source.withBytes(stored.range) { span in
      span.withUnsafeBytes { source in
        processor.parallel(panels) { panel, _ in
          withUnsafePointer(to: shape) {
            kelvin_pack_panel(
              $0, format, source.baseAddress, Int32(panel),
              (output + panel * shape.panel_bytes).assumingMemoryBound(to: UInt8.self))
          }
        }
      }
    }
    stored.source.release(stored.range)
  }

  deinit { free(storage) }

  static func dequantised(_ stored: StoredTensor) -> ContiguousArray<Float> {
    ContiguousArray(unsafeUninitializedCapacity: stored.count) { buffer, count in
      stored.source.withBytes(stored.range) { span in
        span.withUnsafeBytes {
          kelvin_dequantise(stored.format.kernelFormat, $0.baseAddress, stored.count, buffer.baseAddress)
        }
      }
      count = stored.count
    }
  }
}

extension WeightFormat {
  /// The C name of the format: the cases stand in the same order.
  var kernelFormat: kelvin_format {
    switch self {
    case .f32: KELVIN_F32
    case .f16: KELVIN_F16
    case .bf16: KELVIN_BF16
    case .q8_0: KELVIN_Q8_0
    case .q4_0: KELVIN_Q4_0
    case .q4_1: KELVIN_Q4_1
    case .q5_0: KELVIN_Q5_0
    case .q5_1: KELVIN_Q5_1
    case .q2_K: KELVIN_Q2_K
    case .q3_K: KELVIN_Q3_K
    case .q4_K: KELVIN_Q4_K
    case .q5_K: KELVIN_Q5_K
    case .q6_K: KELVIN_Q6_K
    case .iq4_nl: KELVIN_IQ4_NL
    }
  }
}
