import KelvinEngine
import KelvinModels
import KelvinTensors

extension ConversionOptions {
  /// On one thread, to a format and to fewer KV heads where they are given.
  static func oneThread(_ type: WeightFormat?, heads: Int? = nil) -> ConversionOptions {
    var options = ConversionOptions()
    options.type = type
    options.pooling = heads.map { HeadPooling(heads: [$0]) }
    options.threads = 1
    return options
  }
}
