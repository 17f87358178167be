/* image.S - the compiled kernels: what nvcc made of each file, compressed. */
    .section .rodata
    .macro image name
    .globl gd_cuda_\name\()_image, gd_cuda_\name\()_image_end
    .hidden gd_cuda_\name\()_image, gd_cuda_\name\()_image_end
gd_cuda_\name\()_image:
    .incbin "backends/cuda/kernels/\name\().fatbin.zst"
gd_cuda_\name\()_image_end:
    .endm

    image rows
    image linear_tensor
    image linear_exact
    image attention_tensor
    image attention_exact
    .section .note.GNU-stack, "", %progbits
