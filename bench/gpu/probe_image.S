/* probe_image.S - the compiled probe.cu, compressed. */
    .section .rodata
    .globl gd_probe_image, gd_probe_image_end
    .hidden gd_probe_image, gd_probe_image_end
gd_probe_image:
    .incbin "bench/gpu/probe.fatbin.zst"
gd_probe_image_end:
    .section .note.GNU-stack, "", %progbits
