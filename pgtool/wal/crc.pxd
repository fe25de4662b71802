# CRC-32C as records have it, for the compiled modules that read and write them.
cdef extern from *:
    """
    #include <stdint.h>
    #include <stddef.h>
    #include <string.h>

    static uint32_t pgtool_crc_table[8][256];

    static void pgtool_crc_init(void) {
        for (uint32_t byte = 0; byte < 256; byte++) {
            uint32_t crc = byte;
            for (int bit = 0; bit < 8; bit++)
                crc = crc >> 1 ^ (crc & 1 ? 0x82F63B78u : 0);
            pgtool_crc_table[0][byte] = crc;
        }
        for (int row = 1; row < 8; row++)
            for (int byte = 0; byte < 256; byte++) {
                uint32_t crc = pgtool_crc_table[row - 1][byte];
                pgtool_crc_table[row][byte] = pgtool_crc_table[0][crc & 0xFF] ^ crc >> 8;
            }
    }

    static uint32_t pgtool_crc_tables(uint32_t crc, const unsigned char *p, size_t n) {
        while (n >= 8) {
            uint32_t a = crc ^ ((uint32_t)p[0] | (uint32_t)p[1] << 8
                                | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24);
            crc = pgtool_crc_table[7][a & 0xFF] ^ pgtool_crc_table[6][a >> 8 & 0xFF]
                ^ pgtool_crc_table[5][a >> 16 & 0xFF] ^ pgtool_crc_table[4][a >> 24]
                ^ pgtool_crc_table[3][p[4]] ^ pgtool_crc_table[2][p[5]]
                ^ pgtool_crc_table[1][p[6]] ^ pgtool_crc_table[0][p[7]];
            p += 8;
            n -= 8;
        }
        while (n-- > 0)
            crc = pgtool_crc_table[0][(crc ^ *p++) & 0xFF] ^ crc >> 8;
        return crc;
    }

    #if (defined(__GNUC__) || defined(__clang__)) && defined(__x86_64__)
    #define PGTOOL_CRC_INSTRUCTION
    __attribute__((target("sse4.2")))
    static uint32_t pgtool_crc_fast(uint32_t crc, const unsigned char *p, size_t n) {
        uint64_t wide = crc;
        while (n >= 8) {
            uint64_t part;
            memcpy(&part, p, 8);
            wide = __builtin_ia32_crc32di(wide, part);
            p += 8;
            n -= 8;
        }
        crc = (uint32_t)wide;
        while (n-- > 0)
            crc = __builtin_ia32_crc32qi(crc, *p++);
        return crc;
    }
    static int pgtool_crc_has(void) { return __builtin_cpu_supports("sse4.2"); }
    #elif defined(__ARM_FEATURE_CRC32)
    #define PGTOOL_CRC_INSTRUCTION
    #include <arm_acle.h>
    static uint32_t pgtool_crc_fast(uint32_t crc, const unsigned char *p, size_t n) {
        while (n >= 8) {
            uint64_t part;
            memcpy(&part, p, 8);
            crc = __crc32cd(crc, part);
            p += 8;
            n -= 8;
        }
        while (n-- > 0)
            crc = __crc32cb(crc, *p++);
        return crc;
    }
    static int pgtool_crc_has(void) { return 1; }
    #endif

    static uint32_t extend_crc32c(uint32_t crc, const unsigned char *p, size_t at, size_t n) {
        static int ready = 0;
        if (ready == 0) {
            pgtool_crc_init();
            ready = 1;
    #ifdef PGTOOL_CRC_INSTRUCTION
            if (pgtool_crc_has())
                ready = 2;
    #endif
        }
    #ifdef PGTOOL_CRC_INSTRUCTION
        if (ready == 2)
            return pgtool_crc_fast(crc, p + at, n);
    #endif
        return pgtool_crc_tables(crc, p + at, n);
    }
    """
    unsigned int extend_crc32c(
        unsigned int crc, const unsigned char *p, size_t at, size_t n
    ) noexcept
