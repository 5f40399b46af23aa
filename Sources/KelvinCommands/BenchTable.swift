import ArgumentParser
import KelvinCache
import KelvinEngine
import KelvinTensors

/// The rows of a bench, and how they are written.
struct BenchTable {
  enum Format: String, ExpressibleByArgument, CaseIterable {
    case md, json, csv
  }

  var rows: [BenchRow]
  /// `nil`: not measured.
  var limits: MachineLimits?
  /// Products of square matrices; empty: not measured.
  var products: [ProductRate]

  func write(as format: Format) throws {
    switch format {
    case .json: try Output.json(rows)
    case .csv: Terminal.write(lines(csv))
    case .md: Terminal.write(lines(markdown) + footer)
    }
  }

  private func lines(_ lines: [String]) -> String { lines.joined(separator: "\n") + "\n" }

  private var csv: [String] {
    var names = "test,n_prompt,n_gen,n_depth,n_batch,n_threads,avg_ts,stddev_ts,median_ts,kv_bytes,kv_bytes_full"
    if tookTurns { names += ",policy,ratio,ratio_error" }
    if limits != nil { names += ",share_of_limit,bound_by,memory_read_gbs,int8_gops,f32_gflops,bf16_gflops" }
    return [names]
      + rows.map { row in
        var fields = "\(row.test),\(row.nPrompt),\(row.nGen),\(row.nDepth),\(row.nBatch),\(row.nThreads),"
        fields += "\(row.averageSpeed),\(row.deviation),\(row.medianSpeed),\(row.kv.bytes),\(row.kv.bytesFull)"
        if let ratio = row.ratio { fields += ",\"\(row.kv.policy)\",\(ratio),\(row.ratioError ?? 0)" }
        guard let limits else { return fields }
        let rates = [limits.memoryRead, limits.codeOperations, limits.numberOperations, limits.halfOperations]
        let cells = rates.map { $0.map { "\($0 / 1e9)" } ?? "" }
        return ([fields, row.shareOfLimit.map { "\($0)" } ?? "", row.boundBy?.rawValue ?? ""] + cells)
          .joined(separator: ",")
      }
  }

  private var tookTurns: Bool { rows.contains { $0.ratio != nil } }

  private var markdown: [String] {
    let more =
      if tookTurns { (" of the first |", "---:|") } else if limits != nil {
        (" of the limit | bound by |", "---:|---|")
      } else { ("", "") }
    return [
      "| model | kernels | threads | policy | test | tokens/s | median | cache |\(more.0)",
      "|---|---|---:|---|---|---:|---:|---:|\(more.1)",
    ]
      + rows.map { row in
        var line = "| \(row.model) | \(row.kernels) | \(row.nThreads) | \(row.kv.policy) | \(row.test) | "
        line += "\(Output.number(row.averageSpeed)) ± \(Output.number(row.deviation)) | "
        line +=
          "\(Output.number(row.medianSpeed)) | \(Output.bytes(row.kv.bytes)) of \(Output.bytes(row.kv.bytesFull)) |"
        if let ratio = row.ratio {
          line += " \(Output.number(ratio * 100)) ± \(Output.number((row.ratioError ?? 0) * 100)) % |"
        }
        guard limits != nil else { return line }
        let deviation = Output.number((row.shareDeviation ?? 0) * 100)
        let share = row.shareOfLimit.map { "\(Output.number($0 * 100)) ± \(deviation) %" } ?? "–"
        return line + " \(share) | \(row.boundBy?.rawValue ?? "–") |"
      }
  }

  private var footer: String {
    guard let limits else { return "" }
    let bf16 = limits.halfOperations.map { ", bf16 \(Output.number($0 / 1e9)) GFLOP/s" } ?? ""
    return
      "\nLimits of this machine with \(limits.threads) threads at the beginning: reads \(Output.number(limits.memoryRead / 1e9)) GB/s, "
      + "int8 \(Output.number(limits.codeOperations / 1e9)) GOP/s, "
      + "f32 \(Output.number(limits.numberOperations / 1e9)) GFLOP/s\(bf16)\n"
      + products.map { product in
        "A product of \(product.size)³ with a weight in \(product.format.rawValue): "
          + "\(Output.number(product.operations / 1e9)) GFLOP/s\n"
      }.joined()
  }
}

/// One row, with llama-bench's keys.
struct BenchRow: Encodable {
  var test, model, kernels: String
  var nPrompt, nGen, nDepth, nBatch, nThreads: Int
  var averageSpeed, deviation, medianSpeed: Double
  var kv: CacheReport
  /// `nil`: not measured, and not written.
  var limits: MachineLimits?
  var products: [ProductRate]?
  var runs: [BenchRun]?
  var shareOfLimit, shareDeviation: Double?
  /// To the first of the caches that took turns; `nil`, and not written: none did.
  var ratio, ratioError: Double?
  var boundBy: LimitShare.Bound?

  init(_ result: BenchResult, limits: MachineLimits?, products: [ProductRate]?, engine: Engine) {
    model = engine.loaded.name
    kernels = engine.kernels
    test = result.bench.name
    nPrompt = result.bench.prompt
    nGen = result.bench.generated
    nDepth = result.bench.depth
    nBatch = result.bench.batch
    nThreads = engine.threads
    averageSpeed = result.mean
    deviation = result.deviation
    medianSpeed = result.median
    kv = result.kv
    self.limits = limits
    self.products = products
    ratio = result.ratio
    ratioError = result.ratio.map { _ in result.ratioError }
    guard let share = result.share else { return }
    runs = zip(zip(result.speeds, result.shares), result.limits).map { run, limits in
      BenchRun(speed: run.0, shareOfLimit: run.1.share, limitsBefore: limits.before, limitsAfter: limits.after)
    }
    shareOfLimit = share.share
    shareDeviation = result.shareDeviation
    boundBy = share.bound
  }

  enum CodingKeys: String, CodingKey {
    case test, model, kernels, kv, limits, products, runs
    case nPrompt = "n_prompt"
    case nGen = "n_gen"
    case nDepth = "n_depth"
    case nBatch = "n_batch"
    case nThreads = "n_threads"
    case averageSpeed = "avg_ts"
    case deviation = "stddev_ts"
    case medianSpeed = "median_ts"
    case ratio
    case ratioError = "ratio_error"
    case shareOfLimit = "share_of_limit"
    case shareDeviation = "stddev_share"
    case boundBy = "bound_by"
  }
}

/// One repetition, between two looks at the machine.
struct BenchRun: Encodable {
  var speed, shareOfLimit: Double
  var limitsBefore, limitsAfter: MachineLimits

  enum CodingKeys: String, CodingKey {
    case speed = "ts"
    case shareOfLimit = "share_of_limit"
    case limitsBefore = "limits_before"
    case limitsAfter = "limits_after"
  }
}
