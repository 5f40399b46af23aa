import KelvinTensors

/// What can be wrong with a model that its file describes.
///
/// `model` is the checkpoint's name: the last path component of its file or folder.
public enum ModelError: Error, Hashable {
  /// A family of models that no architecture here computes.
  case unsupportedArchitecture(model: String, found: String, supported: [String])
  /// A known family with a part that is not computed: an activation, a rope scaling.
  case unsupported(model: String, key: String, found: String, supported: [String])
  /// A fact that the architecture needs and the file does not state.
  case missing(model: String, key: String)
  /// A fact that makes no sense.
  case invalid(model: String, key: String, found: String, expected: String)
  case missingTensor(model: String, tensor: String)
  /// A tensor that cannot be packed; `reason` names it.
  case unusableTensor(model: String, reason: String)
  /// A tensor that the architecture would not use: ignoring it would compute another model.
  case unknownTensor(model: String, tensor: String, architecture: String)
  /// A tensor whose type is no weight format.
  case unreadableTensor(model: String, tensor: String, found: String)
  /// `meaning` names the dimensions that were expected.
  case wrongShape(model: String, tensor: String, found: [Int], expected: [Int], meaning: String)
  /// A change of the model that was asked for and does not fit it.
  case unsuitableRetrofit(model: String, option: String, found: String, expected: String)
  /// The caller wanted no more.
  case cancelled(model: String)
}

extension ModelError: CustomStringConvertible {
  /// One sentence: where, what was found, what was expected, what to do.
  public var description: String {
    switch self {
    case .unsupportedArchitecture(let model, let found, let supported):
      return "\(model): the architecture is \(found), supported: \(supported.joined(separator: ", ")); "
        + "choose a model of one of these families."
    case .unsupported(let model, let key, let found, let supported):
      return "\(model): '\(key)' is \(found), supported: \(supported.joined(separator: ", ")); choose another model."
    case .missing(let model, let key):
      return "\(model): '\(key)' is missing; the model's description is incomplete, so download or convert it again."
    case .invalid(let model, let key, let found, let expected):
      return "\(model): '\(key)' is \(found), expected \(expected); the model's description is damaged or does not "
        + "belong to these weights."
    case .missingTensor(let model, let tensor):
      return "\(model): tensor \(tensor.quoted) is missing; the download is incomplete or the description does not "
        + "belong to these weights."
    case .unusableTensor(let model, let reason):
      return "\(model): \(reason); convert the model again."
    case .unknownTensor(let model, let tensor, let architecture):
      return "\(model): tensor \(tensor.quoted) is not part of a \(architecture) of the described size; the model is "
        + "of another architecture or the description does not belong to these weights."
    case .unreadableTensor(let model, let tensor, let found):
      let formats = WeightFormat.allCases.map { $0.rawValue.uppercased() }.joined(separator: ", ")
      return "\(model): tensor \(tensor.quoted) is stored as \(found), expected one of \(formats); convert the model."
    case .wrongShape(let model, let tensor, let found, let expected, let meaning):
      return "\(model): tensor \(tensor.quoted): shape \(found), expected \(expected) (\(meaning)); the description "
        + "does not belong to these weights."
    case .unsuitableRetrofit(let model, let option, let found, let expected):
      return "\(model): option '\(option)': \(found) is not possible, expected \(expected)."
    case .cancelled(let model):
      return "\(model): cancelled before the end."
    }
  }
}
