import Foundation
import KelvinAttention

/// Cosines and sines of a pass, times the magnitude of the turning, shared by the layers that turn alike.
///
/// Angles are products of a position and a frequency in double precision: in single precision the cosine is wrong by
/// 6·10⁻⁵ at position 8k and by 10⁻² at 4M.
struct RotaryAngles {
  private struct Key: Hashable {
    var rotary: Rotary
    var positions: Range<Int>
  }
  private var recent: [(key: Key, cosines: ContiguousArray<Float>, sines: ContiguousArray<Float>)] = []

  /// `[positions.count, pairs]` cosines and sines.
  subscript(rotary: Rotary, positions: Range<Int>) -> (ContiguousArray<Float>, ContiguousArray<Float>) {
    mutating get {
      let key = Key(rotary: rotary, positions: positions)
      if let found = recent.first(where: { $0.key == key }) { return (found.cosines, found.sines) }
      var cosines: ContiguousArray<Float> = []
      var sines: ContiguousArray<Float> = []
      cosines.reserveCapacity(positions.count * rotary.frequencies.count)
      sines.reserveCapacity(positions.count * rotary.frequencies.count)
      for position in positions {
        for frequency in rotary.frequencies {
          let angle = Double(position) * frequency
          cosines.append(Float(cos(angle) * rotary.magnitude))
          sines.append(Float(sin(angle) * rotary.magnitude))
        }
      }
      if recent.count >= 4 { recent.removeFirst() }
      recent.append((key, cosines, sines))
      return (cosines, sines)
    }
  }
}

/// `eˣ` of one number.
func exponential(_ x: Float) -> Float { exp(x) }
