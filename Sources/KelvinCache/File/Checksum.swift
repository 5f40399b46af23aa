/// CRC-32C, the Castagnoli polynomial: any burst of up to 32 wrong bits and any single wrong bit is noticed.
package struct Checksum {
  private var register: UInt32 = 0xFFFF_FFFF

  /// The checksum of nothing.
  package init() {}

  /// The checksum of the bytes so far.
  package var value: UInt32 { ~register }

  /// Takes bytes in.
  package mutating func add(_ bytes: [UInt8]) {
    let table = Self.table
    var register = register
    for byte in bytes { register = register >> 8 ^ table[Int(UInt8(truncatingIfNeeded: register) ^ byte)] }
    self.register = register
  }

  /// What a register becomes by each byte; the polynomial 0x1EDC6F41, its bits reversed.
  private static let table: [UInt32] = (0..<256).map { byte in
    (0..<8).reduce(UInt32(byte)) { register, _ in
      register & 1 == 0 ? register >> 1 : register >> 1 ^ 0x82F6_3B78
    }
  }
}
