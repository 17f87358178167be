/* fuzz_pages.c - a result in JSON, and the page made of it. */
#include "tests/fuzz/fuzz.h"

#include "tests/markup.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    gd_status (*const pages[])(const char *, char **, gd_error *) = { gd_eval_page, gd_bench_page, gd_compare_page,
                                                                      gd_crosscheck_page };
    char *json = fuzz_text(data, size);

    for (size_t i = 0; i < sizeof pages / sizeof pages[0]; i++) {
        gd_error err = { 0 };
        char *html;

        if (fuzz_accepted(pages[i](json, &html, &err), &err))
            assert_markup(html);
        gd_string_free(html);
    }
    free(json);
    return fuzz_end();
}
