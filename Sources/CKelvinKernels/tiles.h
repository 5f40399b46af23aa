#ifndef KELVIN_TILES_H
#define KELVIN_TILES_H

/* Tiles of AMX: registers of 16 rows of 64 bytes. One instruction adds the products of 16 rows of 16 pairs of bfloat16 with the
 * 16 columns of as many pairs to 16 x 16 floats, 16 times as many as the widest vectors in the same time. */

/* Sums lie in tiles 0 to 3; 4 and 5 hold rows, 6 and 7 columns. */
enum { TILE_ROWS = 16, TILE_PAIRS = 16 };

/* Shapes the tiles of this thread. They are given back when a kernel ends: who switches threads need not keep them. */
#define TILES __attribute__((target("amx-tile")))

TILES static inline void begin_tiles(void) {
  struct {
    uint8_t palette, start_row, reserved[14];
    uint16_t row_bytes[16];
    uint8_t rows[16];
  } shape __attribute__((aligned(64))) = {.palette = 1};
  for (int32_t tile = 0; tile < 8; tile++) {
    shape.row_bytes[tile] = 64;
    shape.rows[tile] = TILE_ROWS;
  }
  _tile_loadconfig(&shape);
}

TILES static inline void end_tiles(void) { _tile_release(); }

#endif
