import KelvinAttention
import KelvinTensors

/// How the files of a family of decoders are written: what its `DecoderFamily` reads, the other way round.
///
/// `DecoderTranslation` states what all decoders have; the family adds what is particular.
struct DecoderSpelling: Sendable {
  /// Hugging Face's class of the model.
  let huggingFaceClass: String
  /// Hugging Face's `model_type` and GGUF's `general.architecture`; `nil`: the family's first name.
  var huggingFaceType, ggufName: String?
  /// The family that reads the GGUF file, where it is another one.
  var ggufFamily: (@Sendable () -> DecoderFamily)?
  /// Puts what is particular into the keys and, where the style has it so, tensors of a translated model.
  let add: @Sendable (DecoderTranslation, inout Checkpoint) throws(ModelError) -> Void

  init(
    _ huggingFaceClass: String, huggingFaceType: String? = nil, ggufName: String? = nil,
    ggufFamily: (@Sendable () -> DecoderFamily)? = nil,
    add: @escaping @Sendable (DecoderTranslation, inout Checkpoint) throws(ModelError) -> Void = { _, _ in }
  ) {
    self.huggingFaceClass = huggingFaceClass
    self.huggingFaceType = huggingFaceType
    self.ggufName = ggufName
    self.ggufFamily = ggufFamily
    self.add = add
  }
}
