/* fused.h - the golden Llama and its adapter, in a directory of links to their files, with projections put together: in
 * rows one after another (Phi-3), or with those of the key heads in turn (InternLM2, with its names and head). */
#ifndef GD_TESTS_REWARD_FUSED_H
#define GD_TESTS_REWARD_FUSED_H

void fused_phi3(const char *dir);
void fused_internlm2(const char *dir);

/* What a fused module has: one A for all of its parts, that of the first. */
void fused_share(const char *dir);

/* The same adapter with the fused modules. */
void fused_phi3_adapter(const char *dir);
void fused_internlm2_adapter(const char *dir);

#endif
