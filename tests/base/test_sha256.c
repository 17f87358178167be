/* test_sha256.c - hashes of texts of every length that matters, compared with those of Python's hashlib. */
#include "tests/check.h"

#include "base/sha256.h"

/* NIST's examples, and texts with lengths around those at which padding needs another block. */
static void sha256_is_the_standards(void **state)
{
    static const struct {
        size_t len; /* number of a's; 0: `text` */
        const char *text, *hex;
    } cases[] = {
        { 0, "", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" },
        { 0, "abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" },
        { 0, "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
          "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1" },
        { 55, NULL, "9f4390f8d30c2dd92ec9f095b65e2b9ae9b0a925a5258e241c9f1e910f734318" },
        { 56, NULL, "b35439a4ac6f0948b6d6f9e3c6af0f5f590ce20f1bde7090ef7970686ec6738a" },
        { 63, NULL, "7d3e74a05d7db15bce4ad9ec0658ea98e3f06eeecf16b4c6fff2da457ddc2f34" },
        { 64, NULL, "ffe054fe7ae0cb6dc65c3af9b61d5209f439851db43d0ba5997337df154668eb" },
        { 65, NULL, "635361c48bb9eab14198e76ea8ab7f1a41685d6ad62aa9146d301d4f17eb0ae0" },
        { 1000000, NULL, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0" },
    };
    char *many = malloc(1000000), hex[GD_SHA256_DIGITS + 1];

    (void)state;
    assert_non_null(many);
    memset(many, 'a', 1000000);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        if (cases[i].text)
            gd_sha256(cases[i].text, strlen(cases[i].text), hex);
        else
            gd_sha256(many, cases[i].len, hex);
        assert_string_equal(hex, cases[i].hex);
    }
    free(many);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(sha256_is_the_standards) };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
