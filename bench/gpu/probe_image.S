/* probe_image.S - the compiled probe.cu and probe_wgmma.cu, compressed. */
    .section .rodata
    .globl gd_probe_image, gd_probe_image_end
    .hidden gd_probe_image, gd_probe_image_end
gd_probe_image:
    .incbin "bench/gpu/probe.fatbin.zst"
gd_probe_image_end:
    .globl gd_probe_wgmma_image, gd_probe_wgmma_image_end
    .hidden gd_probe_wgmma_image, gd_probe_wgmma_image_end
gd_probe_wgmma_image:
    .incbin "bench/gpu/probe_wgmma.fatbin.zst"
gd_probe_wgmma_image_end:
    .section .note.GNU-stack, "", %progbits
