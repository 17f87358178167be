/* fuzz_packed.c - a file that is gzip or zstd: its bytes, and the first of what they unpack to. */
#include "tests/fuzz/fuzz.h"

#include "data/stream.h"

enum { PORTION = 4096, MOST = 1 << 20 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *path = fuzz_file("packed", data, size);
    unsigned char out[PORTION];
    gd_stream *stream;
    gd_error err = { 0 };
    size_t got = 1, room = 1;

    if (fuzz_accepted(gd_stream_open(&stream, path, (gd_pause){ 0 }, &err), &err)) {
        for (size_t all = 0; got && all < MOST; all += got) {
            if (!fuzz_accepted(gd_stream_read(stream, out, room, &got, &err), &err))
                break;
            assert_true(got <= room);
            room = room % PORTION + 1; /* an output that ends anywhere */
        }
        assert_true(gd_stream_done(stream) <= size);
        gd_stream_close(stream);
    }
    return fuzz_end();
}
