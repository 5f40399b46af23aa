import KelvinAttention
import KelvinCache
import KelvinPolicies
import TestSupport
import Testing

@Suite("An entry is seen from its birth until it is gone")
struct LifetimeTests {
  /// The largest difference of a course from attention over the entries that `seen` names for each row and head.
  private func error(
    _ course: RandomLayer.Course, _ layer: RandomLayer, _ attention: PlainAttention = PlainAttention(),
    _ seen: (_ row: Int, _ head: Int) -> [(key: [Float], value: [Float])]
  ) -> Double {
    let width = layer.store.keyWidth
    var worst = 0.0
    for row in course.outputs.indices {
      for head in 0..<layer.store.heads * RandomLayer.group {
        let query = RandomLayer.Course.head(head, of: course.queries[row], width: width)
        let found = RandomLayer.Course.head(head, of: course.outputs[row], width: width)
        let expected = attention(query, seen(row, head / RandomLayer.group))
        worst = max(worst, greatestDifference(found.map(Double.init), expected))
      }
    }
    return worst
  }

  @Test("a window's queries see the newest entries, and the store holds no others", arguments: [1, 3, 64, 70, 500])
  func window(_ window: Int) throws {
    for passes in [[7, 1, 65, 1, 1], [1, 1, 1, 1, 1], [130, 1], [64, 64, 3]] {
      var layer = RandomLayer(passes: passes)
      layer.store.reach = .window(window)
      var read = 0
      let course = try layer.run { cache in
        read = cache.seen
        let newest = Array(Int32(max(0, read - window))..<Int32(read))
        #expect(cache.keptPositions == [[newest, newest]])
        #expect(cache.report(policy: "full", budget: nil).pages == 2 * ((newest.count + 63) / 64))
      }
      let worst = error(course, layer) { row, head in
        course.entries(max(0, row - window + 1)...row, head: head, width: 8)
      }
      #expect(worst < 1e-5, "\(passes)")
    }
  }

  @Test("a policy chooses among the entries of a window")
  func windowed() throws {
    var layer = RandomLayer(passes: [20, 1, 1])
    layer.store.reach = .window(6)
    var kept: [[Int32]] = []
    _ = try layer.run(StreamingLLM(budget: .entries(4), sinks: 2)) { kept.append($0.keptPositions[0][0]) }
    // The sinks are gone with the window; only the newest are left to choose from.
    #expect(kept == [[16, 17, 18, 19], [17, 18, 19, 20], [18, 19, 20, 21]])
  }

  @Test("gates merge an entry into the one before, and later queries see the mean alone", arguments: [2, 12])
  func gates(_ window: Int) throws {
    for passes in [[7, 1, 65, 1, 1], [30], [1, 1, 1, 1, 1, 1, 1, 1, 1]] {
      var layer = RandomLayer(passes: passes)
      layer.store.gating = Gating(window: window, channel: 7)
      var last: [[Int32]] = []
      var members: [Int32] = []
      let course = try layer.run { cache in
        last = cache.keptPositions[0]
        members = cache.ledger(store: 0).heads.map { $0.mergeWeight.reduce(0, +) }
      }
      /// The segments of the tokens up to `row`.
      func segments(_ row: Int, _ head: Int) -> [[Int]] {
        (0...row).reduce(into: []) { segments, token in
          if token > 0, course.gates[token][head * 2] > 0 {
            segments[segments.count - 1].append(token)
          } else {
            segments.append([token])
          }
        }
      }
      func mean(_ segment: [Int], _ head: Int) -> (key: [Float], value: [Float]) {
        let newest = segment.suffix(window)
        let weights = newest.map { course.gates[$0][head * 2 + 1] }
        func mean(_ rows: [[Float]], width: Int) -> [Float] {
          (0..<width).map { channel in
            zip(newest, weights).reduce(0) { $0 + rows[$1.0][head * width + channel] * $1.1 } / weights.reduce(0, +)
          }
        }
        var key = mean(course.keys, width: 8)
        key[7] = 0
        return (key, mean(course.values, width: 8))
      }
      let worst = error(course, layer) { row, head in segments(row, head).map { mean($0, head) } }
      #expect(worst < 1e-5, "\(passes)")
      let rows = course.outputs.count
      #expect(last == (0..<2).map { head in segments(rows - 1, head).map { Int32($0.last ?? 0) } })
      #expect(members == [Int32(rows), Int32(rows)])
    }
  }

  @Test("what a merged entry received goes on with the entry that took its place, however the prompt is cut")
  func inheritance() throws {
    var attention: [[Float]] = []
    for passes in [[24], [1] + Array(repeating: 1, count: 23), [7, 1, 16]] {
      var layer = RandomLayer(passes: passes)
      layer.store.gating = Gating(window: 12, channel: 7)
      var column: [Float] = []
      _ = try layer.run(H2O(budget: .unbounded)) { cache in
        let head = cache.ledger(store: 0).heads[0]
        column = head.positions.indices.sorted { head.positions[$0] < head.positions[$1] }.map { head.attention[$0] }
      }
      attention.append(column)
    }
    #expect(greatestDifference(attention[0], attention[1]) < 1e-4)
    #expect(greatestDifference(attention[0], attention[2]) < 1e-4)
  }

  @Test("a softmax that counts a zero entry, and scores that are capped", arguments: [true, false], [nil, Float(1.5)])
  func softmax(hasZeroSink: Bool, softcap: Float?) throws {
    var layer = RandomLayer()
    layer.store.hasZeroSink = hasZeroSink
    layer.store.softcap = softcap
    let attention = PlainAttention(softcap: softcap.map(Double.init), hasZeroSink: hasZeroSink)
    let course = try layer.run()
    #expect(error(course, layer, attention) { course.entries(0...$0, head: $1, width: 8) } < 1e-5)
  }
}
