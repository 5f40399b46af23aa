import ArgumentParser
import KelvinEngine
import KelvinText

/// The option that gives a chat template.
struct TemplateOption: ParsableArguments {
  @Option(
    name: [.customLong("chat-template")],
    help: ArgumentHelp(
      "The chat template: \(ChatTemplateRegistry.all.map(\.name).joined(separator: ", ")), or a file in Jinja. "
        + "(default: the model's own)", valueName: "name or file"))
  var chatTemplate: String?

  /// Says which template is in force where nobody asked for it.
  static func announce(_ loaded: LoadedModel) {
    if let note = loaded.chatTemplateNote { Terminal.error("kelvin: note: \(note)\n") }
  }
}
