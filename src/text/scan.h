/* scan.h - hand-written matchers for the three patterns with which most tokenizers split text.
 *
 * They are hand-written for speed and for safety: a backtracking matcher may take any time on hostile text, these take
 * linear time. Each function takes a piece s[0..len) of well-formed UTF-8 and a place in it before its end, and returns
 * the end of the match that begins there: these patterns match everywhere. */
#ifndef GD_TEXT_SCAN_H
#define GD_TEXT_SCAN_H

#include <stddef.h>
#include <stdint.h>

typedef size_t gd_scan(const uint8_t *classes, const unsigned char *s, size_t len, size_t at);

gd_scan gd_scan_gpt2, gd_scan_llama3, gd_scan_qwen2;

/* The matcher for exactly this pattern, or NULL. */
gd_scan *gd_scan_for(const char *pattern);

/* GPT-2's pattern, which the pre-tokenizer ByteLevel uses. */
extern const char gd_pattern_gpt2[];

#endif
