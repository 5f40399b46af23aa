/* Arithmetic over plain pointers. Nothing here allocates, starts threads, does I/O or keeps state.
 *
 * Every operation exists in several variants (scalar, AVX2, AVX-512, NEON); `kelvin_kernels` is a row of function
 * pointers, one row per variant. The scalar variant is the specification, and the others are tested against it.
 * Callers split the work: by panels of a weight, by rows of activations, by heads of a cache. No result depends on
 * how the work was split, so the number of threads never changes a bit.
 *
 * Letters: T tokens, rows and columns of a weight, Dk and Dv widths of a head, j an entry of a head's cache.
 */
#ifndef KELVIN_KERNELS_H
#define KELVIN_KERNELS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* ---- Stored formats ------------------------------------------------------------------------------------------- */

/* The GGUF formats of a stored tensor, in the order of Swift's `WeightFormat.allCases`. */
typedef enum {
  KELVIN_F32, KELVIN_F16, KELVIN_BF16,
  KELVIN_Q8_0, KELVIN_Q4_0, KELVIN_Q4_1, KELVIN_Q5_0, KELVIN_Q5_1,
  KELVIN_Q2_K, KELVIN_Q3_K, KELVIN_Q4_K, KELVIN_Q5_K, KELVIN_Q6_K,
  KELVIN_IQ4_NL,
} kelvin_format;

/* out[0..count) = the numbers of `count / block length` blocks, exactly as the GGUF formats define them. */
void kelvin_dequantise(kelvin_format format, const void *blocks, size_t count, float *out);

/* blocks = the blocks that stand for numbers[0..count), `count` a multiple of the block length. Written are F32, F16,
 * BF16, Q8_0, Q4_0, Q4_1, Q4_K and Q6_K; nothing happens for other formats. */
void kelvin_quantise(kelvin_format format, const float *numbers, size_t count, void *blocks);

/* ---- Packed weights ------------------------------------------------------------------------------------------- */

enum {
  KELVIN_PANEL = 16,       /* rows of a weight that lie interleaved */
  KELVIN_BLOCK = 32,       /* columns that share an activation scale */
  KELVIN_PAGE_ENTRIES = 64, /* entries of one head in one page */
  KELVIN_MOST_CODES = 16384, /* the width of the widest quantised key */
  KELVIN_FOLLOWING = 4       /* pages of a head that are known ahead */
};

/* How packed numbers are written. A panel holds 16 rows; within it columns advance in blocks of 32 (the columns are
 * padded with zeros to a whole block, the rows to a whole panel).
 *
 * F32    [columns][16] float
 * F16    [columns][16] half
 * BF16   [columns / 2][16][2] bfloat16: pairs of neighbouring columns
 * U4     per block of 32 columns: 4 x 64 bytes of codes, then 16 half scales, then (has_minimum) 16 half minima.
 *        Byte 64*i + 4*row + c holds column 4*i + c in its low and column 16 + 4*i + c in its high nibble.
 * U8     per block of 32 columns: 8 x 64 bytes of codes, byte 64*i + 4*row + c holds column 4*i + c; then the
 *        scales and minima as above, (32 / group) sets of 16 halves each: all scales first, then all minima.
 *        The code is unsigned: a signed format adds `zero`.
 *
 * A number is  scale * (code - zero) + minimum.
 */
typedef enum { KELVIN_PACKED_F32, KELVIN_PACKED_F16, KELVIN_PACKED_BF16, KELVIN_PACKED_U4, KELVIN_PACKED_U8 } kelvin_packing;

typedef struct {
  kelvin_packing packing;
  int32_t rows, columns; /* as stored, without padding */
  int32_t zero;          /* the code that means zero: 4, 8, 16, 32, 128, or 0 where there is a minimum */
  int32_t group;         /* columns that share a scale: 32 or 16 (U8 only) */
  bool has_minimum;
  size_t panel_bytes;
  const uint8_t *data;   /* panels, one after another, 64-byte aligned */
} kelvin_weight;

/* The packing that a stored format gets: Q4_0, Q4_1, Q4_K -> U4; Q8_0, Q5_*, Q6_K, Q2_K, Q3_K, Q5_K, IQ4_NL -> U8 (group 16
 * for Q2_K, Q3_K, Q6_K); F16, BF16, F32 -> themselves; everything -> F32 where `exact`. `data` is left NULL. */
kelvin_weight kelvin_weight_for(kelvin_format format, int32_t rows, int32_t columns, bool exact);

/* Packs rows 16*panel.. of a stored tensor (`stored`: the whole tensor, rows contiguous) into `out` (panel_bytes). */
void kelvin_pack_panel(const kelvin_weight *shape, kelvin_format format, const void *stored, int32_t panel, uint8_t *out);

/* Columns [first, first + count) of a packed weight, where they lie; first is a multiple of 32. */
kelvin_weight kelvin_weight_columns(const kelvin_weight *weight, int32_t first, int32_t count);

/* out[0..columns) = row `row` of a packed weight. */
void kelvin_unpack_row(const kelvin_weight *weight, int32_t row, float *out);

/* ---- Activations ---------------------------------------------------------------------------------------------- */

/* T rows of activations as a product reads them. F32, F16 and BF16 weights read `values` [T][stride]; U4 and U8 read the int8
 * form: codes [T][padded], scales [T][padded/32], sums [T][padded/16] with padded = columns rounded up to 32. */
typedef struct {
  const float *values;
  ptrdiff_t stride;
  int8_t *codes;
  float *scales;  /* max|x| / 127 of each 32 */
  int16_t *sums;  /* of each 16 codes */
  uint16_t *halves; /* bfloat16, [T][padded]; room for 31 rows more, which may be read and do not matter */
} kelvin_activations;

/* ---- Pages of a cache ----------------------------------------------------------------------------------------- */

/* How the numbers of an entry are written. Q8_0 and Q4_0 are the GGUF formats: 32 neighbours share a half scale, and the
 * width is a multiple of 32. */
typedef enum {
  KELVIN_ENTRY_F32, KELVIN_ENTRY_F16, KELVIN_ENTRY_BF16,
  KELVIN_ENTRY_Q8_0, KELVIN_ENTRY_Q4_0,
} kelvin_entry_format;

/* One head of one store: 64 entries a page. Keys lie transposed, [Dk][64], so that a vector register holds one channel
 * of 16 entries; values lie as rows, [64][Dv]. Pages are 64-byte aligned and start as zeros.
 *
 * The quantised keys of a page are a packed weight of 64 rows: 4 panels, U8 with zero 128 or U4 with zero 8, one panel
 * after another without padding. A score is what `multiply` defines: the query is quantised to int8 per 32 channels, the
 * products of codes are summed as whole numbers, and the blocks are added as floats. So many queries and few, and every
 * cut of them, give the same bits.
 * Quantised values are the codes [64][Dv] as rows, then the half scales [Dv/32][64]. A Q8_0 code is an int8; a row of Q4_0
 * takes 16 bytes for 32 channels, byte i holds channel i in its low and 16 + i in its high nibble. */
typedef struct {
  uint8_t *const *pages;       /* entry j: page j / 64, place j % 64 */
  int32_t key_width, value_width;
  kelvin_entry_format key_format, value_format;
  size_t values_offset;        /* bytes from the start of a page to its values; 0: a value is the first numbers of its key */
  const uint8_t *following[KELVIN_FOLLOWING]; /* keys that are read next, a page each, for what can be asked for; or NULL */
} kelvin_head;

/* ---- The table ------------------------------------------------------------------------------------------------ */

typedef struct {
  const char *name; /* "scalar", "avx2", "avx512", "neon" */

  int32_t shared_rows; /* rows of queries that `scores` and `mix` of a prompt are best given at once */

  /* Fills codes, scales and sums of rows [first, last) from values. `columns` as stored. A code is the number times
   * 127 / max|x|, rounded to nearest, ties to even; every variant writes the same bits. */
  void (*quantise)(const kelvin_activations *x, int32_t columns, int32_t first, int32_t last);

  /* y[t*y_stride + row] = x[t] . w[row] (+ bias[row]) for t in [0, T) and the rows of panels [first, last); rows beyond
   * w->rows are not written. bias may be NULL. avx512bf16 rounds x to bfloat16 where w is BF16, to nearest, ties to even, and
   * takes what is below 2^-126 as 0. */
  void (*multiply)(const kelvin_weight *w, const kelvin_activations *x, int32_t tokens, int32_t first, int32_t last,
                   const float *bias, float *y, ptrdiff_t y_stride);

  /* Like multiply, for weights of the packings in `rounded_packings` and at least 12 tokens, with weights rounded; it does not
   * depend on how panels and tokens were split. NULL where a variant has none.
   *
   * avx512rounding, avx512bf16: each weight becomes the nearest of the 255 multiples of largest / 127 from -largest to largest,
   * `largest` the greatest magnitude that codes can mean in its row; it is off by 0.56 of such a multiple at most.
   * avx512amx: weights become bfloat16, to nearest, ties to even, and meet `halves` of x; what is below 2^-126 may become 0. */
  void (*multiply_rounded)(const kelvin_weight *w, const kelvin_activations *x, int32_t tokens, int32_t first,
                           int32_t last, const float *bias, float *y, ptrdiff_t y_stride);
  uint32_t rounded_packings; /* bit p: packing p */

  /* Fills `halves` of rows [first, last) from values, to nearest, ties to even; zeros behind the last column. NULL where
   * multiply_rounded reads codes. */
  void (*halve)(const kelvin_activations *x, int32_t columns, int32_t first, int32_t last);

  /* y = x / sqrt(mean(x^2) + epsilon) * (weight + offset), one row of n. x and y may be the same. */
  void (*rms_norm)(const float *x, const float *weight, float offset, float epsilon, int32_t n, float *y);

  /* y = (x - mean(x)) / sqrt(mean((x - mean(x))^2) + epsilon) * weight + bias, one row of n. x and y may be the same. */
  void (*layer_norm)(const float *x, const float *weight, const float *bias, float epsilon, int32_t n, float *y);

  /* y[i] = a[i] + b[i]; y may be a or b. */
  void (*add)(const float *a, const float *b, size_t n, float *y);

  /* y[i] = silu(gate[i]) * up[i], silu(g) = g / (1 + exp(-g)). y may be gate. */
  void (*silu_multiply)(const float *gate, const float *up, size_t n, float *y);

  /* y[i] = gelu(x[i]), and gelu(gate[i]) * up[i], gelu(x) = x * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 x^3))) / 2. y may be
   * x or gate. */
  void (*gelu)(const float *x, size_t n, float *y);
  void (*gelu_multiply)(const float *gate, const float *up, size_t n, float *y);

  /* Turns one head in place: pair i by the angle whose cosine and sine are cosines[i], sines[i], i < pairs.
   * adjacent: pair i is (2i, 2i+1); otherwise (i, i + pairs). */
  void (*rotate)(float *x, const float *cosines, const float *sines, int32_t pairs, bool adjacent);

  /* Writes `count` entries of a head from entry `first` on; keys[t*key_stride ..], values[t*value_stride ..], which are not
   * read where values are prefixes of keys. Every variant writes the same bits. */
  void (*write_entries)(const kelvin_head *head, int32_t first, int32_t count, const float *keys, ptrdiff_t key_stride,
                        const float *values, ptrdiff_t value_stride);

  /* Multiplies each 64 neighbours of x[0..n) by the Walsh-Hadamard matrix divided by 8, which is its own inverse and
   * turns no product of two rows into another: 32 neighbours, and sqrt(32), where n is no multiple of 64. n is a multiple of
   * 32. Every variant writes the same bits. */
  void (*hadamard)(float *x, int32_t n);

  /* scores[r*stride + j] = scale * (queries[r] . key[first + j]) for j in [0, last - first), r in [0, rows). queries [rows][Dk],
   * row r at r*query_stride; Dk at most KELVIN_MOST_CODES where keys are quantised. first is a multiple of 64. May write up
   * to the next multiple of 64 beyond last - first (stride allows for it). avx512bf16 and avx512amx round queries and keys to bfloat16
   * if there are more than 12 rows and keys are halves or bfloats. */
  void (*scores)(const kelvin_head *head, int32_t first, int32_t last, const float *queries, ptrdiff_t query_stride,
                 int32_t rows, float scale, float *scores, ptrdiff_t stride);

  /* In place: x[j] = exp(x[j] - max) for j in [0, n). Returns the sum; *max is set. n = 0: returns 0, max = -inf. Where
   * everything is -inf the result is zeros. Variants write 0 for what is below e^-87. */
  float (*exponentials)(float *x, int32_t n, float *max);

  /* out[r*out_stride + d] += sum over j in [0, last - first) of weights[r*stride + j] * value[first + j][d]. first is a
   * multiple of 64. avx512bf16 and avx512amx round weights and values to bfloat16 if there are more than 12 rows and values are
   * not F32. */
  void (*mix)(const kelvin_head *head, int32_t first, int32_t last, const float *weights, ptrdiff_t stride, int32_t rows,
              float *out, ptrdiff_t out_stride);

  /* x[i] = limit * tanh(x[i] / limit) */
  void (*softcap)(float *x, float limit, int32_t n);

  /* y[i] += factor * x[i];  y[i] += factors[r] * x[r*stride + i] for every r < rows, in order;  and  x[i] *= factor */
  void (*add_scaled)(float *y, const float *x, float factor, size_t n);
  void (*add_rows)(float *y, const float *x, ptrdiff_t stride, const float *factors, int32_t rows, size_t n);
  void (*multiply_by)(float *x, float factor, size_t n);

  /* Sets bit `bit` of words[i] where the sum over r < rows of factors[r] * x[r*stride + i] is at least `even`, clears it elsewhere,
   * and keeps counts[i], the bits of entry i. */
  void (*count_rows)(const float *x, ptrdiff_t stride, const float *factors, int32_t rows, float even, int32_t bit,
                     uint64_t *words, float *counts, size_t n);
} kelvin_kernels;

/* The row named `name`, or NULL where this machine cannot run it or it was not compiled in. NULL asks for the fastest. */
const kelvin_kernels *kelvin_kernels_named(const char *name);

/* The row that is fastest because it rounds what meets many tokens, or NULL where this machine has none. */
const kelvin_kernels *kelvin_rounding_kernels(void);

/* ---- Entries one at a time (not hot) -------------------------------------------------------------------------- */

/* Copies entry `from` over entry `to`. */
void kelvin_move_entry(const kelvin_head *head, int32_t from, int32_t to);

/* key[0..Dk), value[0..Dv) = entry j. */
void kelvin_read_entry(const kelvin_head *head, int32_t entry, float *key, float *value);

/* Tells the processor that the caller is waiting in a loop. */
static inline void kelvin_pause(void) {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  __asm__ volatile("yield");
#endif
}

/* Asks memory for the line at `address`, which may be any number. */
static inline void kelvin_ask(uintptr_t address) { __builtin_prefetch((const void *)address, 0, 2); }

/* Bytes of `count` numbers, a multiple of 32 where the format is quantised. */
size_t kelvin_entry_bytes(kelvin_entry_format format, size_t count);

#endif
