extension TemplateRenderer {
  func listFilter(
    _ name: String, _ value: TemplateValue, _ call: TemplateCall
  ) throws(TextError) -> TemplateValue? {
    switch name {
    case "list": return .list(TemplateList(try members(of: value)))
    case "first": return try members(of: value).first ?? .undefined("first member of nothing")
    case "last": return try members(of: value).last ?? .undefined("last member of nothing")
    case "reverse":
      let reversed = Array(try members(of: value).reversed())
      return value.string == nil ? .list(TemplateList(reversed)) : .string(try join(reversed, ""))
    case "join": return .string(try join(value, call))
    case "map": return try map(try members(of: value), call)
    case "select", "reject", "selectattr", "rejectattr": return try select(name, try members(of: value), call)
    case "unique": return try unique(try members(of: value), call)
    case "sort": return try sort(try members(of: value), call)
    case "dictsort": return try sortDictionary(value, call)
    default: return nil
    }
  }

  private func join(_ value: TemplateValue, _ call: TemplateCall) throws(TextError) -> String {
    var members = try members(of: value)
    if let attribute = call.argument(1, "attribute") {
      for index in members.indices { members[index] = try field(attribute, of: members[index]) }
    }
    return try join(members, try text(of: call.argument(0, "d") ?? .string("")))
  }

  /// An attribute that may be a path, `a.b.0`.
  private func field(_ path: TemplateValue, of value: TemplateValue) throws(TextError) -> TemplateValue {
    guard let text = path.string else { return try item(path, of: value) }
    var found = value
    for part in text.split(separator: ".") {
      found = try item(Int(part).map { .integer($0) } ?? .string(String(part)), of: found)
    }
    return found
  }

  private func map(_ members: [TemplateValue], _ call: TemplateCall) throws(TextError) -> TemplateValue {
    var mapped: [TemplateValue] = []
    for member in members {
      try charge()
      if let attribute = call.named["attribute"] {
        let found = try field(attribute, of: member)
        mapped.append(found.isUndefined ? call.named["default"] ?? found : found)
      } else {
        guard let name = call.positional.first?.string else { throw failure("map needs a filter or an attribute") }
        mapped.append(
          try filter(name, member, TemplateCall(positional: Array(call.positional.dropFirst()), named: call.named)))
      }
    }
    return .list(TemplateList(mapped))
  }

  private func select(
    _ name: String, _ members: [TemplateValue], _ call: TemplateCall
  ) throws(TextError) -> TemplateValue {
    let byAttribute = name.hasSuffix("attr")
    let arguments = call.positional.dropFirst(byAttribute ? 1 : 0)
    var selected: [TemplateValue] = []
    for member in members {
      try charge()
      let subject = byAttribute ? try field(call.positional.first ?? .string(""), of: member) : member
      let passes: Bool
      if let test = arguments.first?.string {
        passes = try self.test(test, subject, Array(arguments.dropFirst()))
      } else {
        passes = subject.isTrue
      }
      if passes == name.hasPrefix("select") { selected.append(member) }
    }
    return .list(TemplateList(selected))
  }

  /// What strings are compared by when case does not matter.
  private func folded(_ value: TemplateValue, _ call: TemplateCall, at index: Int) -> TemplateValue {
    let isSensitive = call.argument(index, "case_sensitive")?.isTrue ?? false
    return isSensitive ? value : value.string.map { .string($0.lowercased()) } ?? value
  }

  private func key(_ member: TemplateValue, _ call: TemplateCall, at index: Int) throws(TextError) -> TemplateValue {
    let found = try call.argument(index + 1, "attribute").map { (a) throws(TextError) in try field(a, of: member) }
    return folded(found ?? member, call, at: index)
  }

  private func unique(_ members: [TemplateValue], _ call: TemplateCall) throws(TextError) -> TemplateValue {
    var (kept, keys) = ([TemplateValue](), [TemplateValue]())
    for member in members {
      let key = try key(member, call, at: 0)
      guard !(try contains(.list(TemplateList(keys)), key)) else { continue }
      keys.append(key)
      kept.append(member)
    }
    return .list(TemplateList(kept))
  }

  private func sort(_ members: [TemplateValue], _ call: TemplateCall) throws(TextError) -> TemplateValue {
    let ascending = !(call.argument(0, "reverse")?.isTrue ?? false)
    let keyed = try sorted(members, ascending: ascending) { (member) throws(TextError) in
      try self.key(member, call, at: 1)
    }
    return .list(TemplateList(keyed))
  }

  private func sortDictionary(_ value: TemplateValue, _ call: TemplateCall) throws(TextError) -> TemplateValue {
    guard case .dictionary(let dictionary) = value else { throw failure("dictsort of \(value.typeName)") }
    let byValue = call.argument(1, "by")?.string == "value"
    let ascending = !(call.argument(2, "reverse")?.isTrue ?? false)
    let entries = try sorted(dictionary.entries, ascending: ascending) { (entry) throws(TextError) in
      self.folded(byValue ? entry.value : entry.key, call, at: 0)
    }
    return .list(TemplateList(entries.map { .list(TemplateList([$0.key, $0.value], isTuple: true)) }))
  }

  /// A stable merge sort, since a comparison may fail and the library's sort takes no typed errors.
  func sorted<Member>(
    _ members: [Member], ascending: Bool = true, by key: (Member) throws(TextError) -> TemplateValue
  ) throws(TextError) -> [Member] {
    var items: [(key: TemplateValue, member: Member)] = []
    for member in members { items.append((try key(member), member)) }
    var width = 1
    while width < items.count {
      var merged: [(key: TemplateValue, member: Member)] = []
      merged.reserveCapacity(items.count)
      for start in stride(from: 0, to: items.count, by: 2 * width) {
        let (middle, end) = (min(start + width, items.count), min(start + 2 * width, items.count))
        var (left, right) = (start, middle)
        while left < middle, right < end {
          let order = try order(items[left].key, items[right].key)
          let takesLeft = ascending ? order <= 0 : order >= 0
          merged.append(items[takesLeft ? left : right])
          if takesLeft { left += 1 } else { right += 1 }
        }
        merged += items[left..<middle] + items[right..<end]
      }
      items = merged
      width *= 2
    }
    return items.map(\.member)
  }
}
