import Foundation
import KelvinText

/// Where a chat template comes from.
public enum ChatTemplateOrigin: Sendable, Hashable {
  /// The model's file brings it.
  case model
  /// It was asked for: a name of `ChatTemplateRegistry`, or a file.
  case asked(String)
  /// The model's file brings none, and all models of its architecture that converse were trained on this one.
  case usual(String)
}

extension LoadedModel {
  /// What a user should know about the template in force; `nil` where it is the expected one.
  public var chatTemplateNote: String? {
    guard case .usual(let usual)? = chatTemplateOrigin else { return nil }
    return
      "\(name) brings no chat template, as if it were never taught to converse; '\(usual)' is used, that of all models "
      + "of its architecture that were"
  }
}

extension ChatTemplate {
  /// What may be asked for, in words.
  static let choices = ChatTemplateRegistry.all.map(\.name).joined(separator: ", ") + " or a file with a Jinja template"

  /// A model's own template, or what is wrong with it: such a model still generates.
  static func parsed(_ source: String) -> (template: ChatTemplate?, problem: String?) {
    do {
      return (try ChatTemplate(source: source), nil)
    } catch {
      return (nil, error.description)
    }
  }

  /// The template that an option names.
  /// - Throws: `EngineError.invalidOption` where it is neither a known name nor a file, `.text` where the file is no
  ///   template.
  init(named option: String) throws(EngineError) {
    let source: String
    if let named = ChatTemplateRegistry.template(option) {
      source = named.source
    } else {
      guard let data = FileManager.default.contents(atPath: option), let text = String(data: data, encoding: .utf8)
      else {
        throw .invalidOption(option: "chat-template", found: "'\(option)'", expected: Self.choices)
      }
      source = text
    }
    do {
      try self.init(source: source)
    } catch {
      throw .text("\(option): \(error.description)")
    }
  }
}
