import KelvinCheckpoints
import KelvinTensors
import Testing

@Suite("JSON")
struct JSONTests {
  private func parse(_ text: String) throws -> MetadataValue { try JSON.parse(Array(text.utf8)) }

  @Test("values come out in their tightest form")
  func values() throws {
    let value = try parse(
      #" {"a": 1, "b": -2.5e1, "c": "x\n\u00e9\ud83d\ude00", "d": [1, 2], "e": [1, 2.5], "f": [], "g": null, "h": [true]} "#
    )
    #expect(
      value
        == .object([
          "a": .integer(1), "b": .number(-25), "c": .string("x\né😀"), "d": .integers([1, 2]), "e": .numbers([1, 2.5]),
          "f": .array([]), "g": .null, "h": .bools([true]),
        ]))
    #expect(try parse(#"[1, "a"]"#) == .array([.integer(1), .string("a")]))
    #expect(try parse("9223372036854775808") == .number(9_223_372_036_854_775_808))
    #expect(try parse("-0") == .integer(0))
  }

  @Test(
    "what is not JSON is refused",
    arguments: [
      "", " ", "{", "[", "[1", "[1,", "[1,]", "{\"a\"}", "{\"a\":}", "{\"a\":1,}", "{a:1}", "1 2", "01", "-", "1.",
      ".5",
      "1e", "+1", "NaN", "Infinity", "-Infinity", "1e999", "nul", "\"", "\"\\", "\"\\x\"", "\"\\u12\"", "\"\\ud800\"",
      "\"\\ud800\\u0041\"", "\"\\udc00\"", "\"a\nb\"", "{\"a\":1,\"a\":1}", "{\"a\":1,\"\\u0061\":1}", "\u{FEFF}{}",
    ])
  func refused(_ text: String) {
    #expect(throws: JSON.Failure.self) { try parse(text) }
  }

  @Test("nesting is limited")
  func depth() throws {
    let limit = JSON.depthLimit
    let deepest = String(repeating: "[", count: limit) + String(repeating: "]", count: limit)
    #expect(throws: Never.self) { try parse(deepest) }
    #expect(throws: JSON.Failure.self) { try parse("[" + deepest + "]") }
  }

  @Test("a failure says where and what")
  func message() throws {
    let failure = #expect(throws: JSON.Failure.self) { try parse(#"{"a": tru}"#) }
    #expect(failure?.offset == 6)
    #expect(failure?.found == "'t'")
  }
}
