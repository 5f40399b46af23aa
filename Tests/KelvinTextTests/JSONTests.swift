import KelvinText
import Testing

@Suite("JSON")
struct JSONTests {
  private func read(_ text: String) throws(TextError) -> JSONValue { try JSONValue(parsing: Array(text.utf8)) }

  @Test("values keep their types and the order of their members")
  func values() throws {
    let value = try read(#" {"b": [1, -2.5e1, true, null], "a": "x\n\u00e9\ud83d\ude00\/", "b2": {}} "#)
    #expect(value == ["b": [1, -25.0, true, nil], "a": "x\né😀/", "b2": [:]])
    #expect(value.members?.map(\.name) == ["b", "a", "b2"])
    #expect(try read("12345678901234567890") == .number(1.2345678901234567e19))
    #expect(try read(#""\ud83dx""#) == "\u{FFFD}x")
    #expect(try read(#"{"a": 1, "a": 2}"#)["a"] == 2)
  }

  @Test(
    "what is not JSON is refused",
    arguments: [
      "", " ", "{", "[1,]", "{\"a\"}", "{\"a\":1,}", "01", "1.", "-", "1e", "nul", "\"", "\"\\x\"", "\"\\u12\"",
      "\"\n\"", "1 2", "1e999",
      "[1 2]", "{1:2}", "+1", "'a'",
    ])
  func malformed(text: String) {
    #expect(throws: TextError.self) { try read(text) }
  }

  @Test("nesting beyond the limit is an error, not a crash")
  func deep() throws {
    let depth = JSONValue.depthLimit
    _ = try read(String(repeating: "[", count: depth) + String(repeating: "]", count: depth))
    #expect(throws: TextError.self) { try read(String(repeating: "[", count: 100_000)) }
    #expect(throws: TextError.self) { try read(String(repeating: "{\"a\":", count: 100_000)) }
  }
}
