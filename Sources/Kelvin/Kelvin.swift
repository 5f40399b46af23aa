/// The umbrella that an app imports: an engine, the policies, what the cache reports, and text.
@_exported public import KelvinCache
@_exported public import KelvinEngine
@_exported public import KelvinModels
@_exported public import KelvinPolicies
@_exported public import KelvinText
