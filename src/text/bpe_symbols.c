/* bpe_symbols.c - the symbols with which merging begins: one for each byte, or for each character. */
#include "text/bpe.h"

#include "base/error.h"
#include "base/mem.h"
#include "base/utf8.h"

#include <stdio.h>
#include <string.h>

/* The id of the token <0x..> of a byte, or GD_NO_TOKEN. */
static uint32_t byte_token(const gd_bpe *bpe, unsigned byte)
{
    char code[8];
    uint32_t token;

    (void)snprintf(code, sizeof code, "<0x%02X>", byte & 0xFF);
    token = gd_vocab_by_content(&bpe->vocab, code, strlen(code));
    return token == GD_NO_TOKEN ? token : bpe->vocab.tokens[token].id;
}

/* No text has these bytes, and the vocabularies of GPT-NeoX, MPT and StarCoder don't have them either. 0xF1 and 0xF2
 * begin characters that Unicode has not assigned. */
static bool never_in_text(unsigned byte)
{
    return byte == 0xC0 || byte == 0xC1 || byte == 0xF1 || byte == 0xF2 || byte >= 0xF5;
}

/* The control characters that hardly any text has; Falcon's vocabulary lacks many. */
static bool is_control(unsigned byte) { return byte < 0x20 && byte != '\t' && byte != '\n' && byte != '\r'; }

/* A byte without any token is left out of a text, as by the reference; but not one that texts consist of. */
static gd_status lose(gd_bpe *bpe, unsigned byte, const char *path, gd_error *err)
{
    if (never_in_text(byte))
        return GD_OK;
    if (!is_control(byte))
        return gd_fail(err, GD_EUNSUPPORTED,
                       "%s: model.vocab has no token for the byte 0x%02X, and no model.unk_token: such text would be "
                       "lost",
                       path, byte);
    bpe->lost++;
    return GD_OK;
}

/* The symbol of each byte before any merge: its token, or the tokens <0x..> of the UTF-8 bytes of the character
 * that stands for it, or the unknown token. */
gd_status gd_bpe_find_bytes(gd_bpe *bpe, bool fallback, const char *path, gd_error *err)
{
    gd_status rc = GD_OK;

    bpe->byte_symbols = 1;
    for (unsigned b = 0; b < 256 && !rc; b++) {
        const unsigned char byte = (unsigned char)b;
        gd_byte_symbol *symbol = &bpe->symbols[b];
        uint32_t token = gd_vocab_by_bytes(&bpe->vocab, &byte, 1);
        unsigned char utf8[4];
        size_t n;

        if (token != GD_NO_TOKEN) {
            *symbol = (gd_byte_symbol){ GD_BYTE_TOKEN, 1, { bpe->vocab.tokens[token].id, 0 } };
            continue;
        }
        n = gd_utf8_encode(gd_char_of_byte(byte), utf8);
        *symbol = (gd_byte_symbol){ GD_BYTE_FALLBACK, (uint8_t)n, { 0, 0 } };
        for (size_t i = 0; i < n && symbol->kind == GD_BYTE_FALLBACK; i++) {
            symbol->ids[i] = fallback ? byte_token(bpe, utf8[i]) : GD_NO_TOKEN;
            if (symbol->ids[i] == GD_NO_TOKEN)
                *symbol = (gd_byte_symbol){ GD_BYTE_UNKNOWN, 1, { bpe->unknown, 0 } };
        }
        if (symbol->count > bpe->byte_symbols)
            bpe->byte_symbols = symbol->count;
        if (symbol->kind == GD_BYTE_UNKNOWN && bpe->unknown == GD_NO_TOKEN)
            rc = lose(bpe, b, path, err);
    }
    return rc;
}

/* ---- characters ---- */

/* The token is one character: its id is noted. */
static bool note_character(gd_bpe *bpe, const gd_token *token)
{
    const unsigned char *s = (const unsigned char *)bpe->vocab.bytes.data + token->bytes;
    size_t n;
    const uint32_t c = gd_utf8_decode(s, &n);

    return n != token->bytes_len || gd_charmap_set(&bpe->characters, c, token->id);
}

gd_status gd_bpe_find_characters(gd_bpe *bpe, bool fallback, const char *path, gd_error *err)
{
    gd_status rc = GD_OK;

    bpe->byte_symbols = 1;
    for (unsigned b = 0; b < 256; b++)
        bpe->fallback[b] = fallback ? byte_token(bpe, b) : GD_NO_TOKEN;
    for (size_t i = 0; i < bpe->vocab.count; i++) {
        if (!note_character(bpe, &bpe->vocab.tokens[i]))
            return gd_fail_memory(err, sizeof *bpe->characters.pages);
    }
    if (!gd_bpe_find_cuts(bpe))
        return gd_fail_memory(err, bpe->vocab.count);
    for (unsigned b = 0; b < 256 && bpe->unknown == GD_NO_TOKEN && !rc; b++) {
        if (bpe->fallback[b] == GD_NO_TOKEN && (b >= 0x80 || gd_charmap_get(&bpe->characters, b) == GD_NO_TOKEN))
            rc = lose(bpe, b, path, err);
    }
    return rc;
}
