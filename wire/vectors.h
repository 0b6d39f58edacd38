#ifndef WIRE_VECTORS_H
#define WIRE_VECTORS_H

/* The test vectors of PROTOCOL.md, for tests. */

#define V_KEY	      "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
#define V_FINGERPRINT "16d5233f72b10cf0"
#define V_K_REQUEST \
	"39b12ef90081cc8901e74c14a184d69991fbc3b69caa36e68fca554c9b9d1ac9"
#define V_K_RECEIPT \
	"b87d1475c4b66080f4d524b07ab1bcc52cedfaacc2113c655f146f772730a109"
#define V_TOKEN_V1 \
	"b0531238e128951e7577367ba645237787521d6f6bc422beb3529029fbb2587c"

#define V_ID	     "20260218-143022-1234-a1b2c3d4"
#define V_ID_INPUT   "20260218-143022-1235-00000001"
#define V_BODY	     "echo ok\n"
#define V_BODY_INPUT "wc -c\n"
#define V_INPUT	     "abc"
#define V_OUTPUT     "ok\n"
#define V_SHA_NOTHING \
	"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

#define V_TOKEN_SHA \
	"a0d7ed90813ced8650aab07438651474b8fa97a3a50ec72c9bc906e2439d3f8b"
#define V_TOKEN_COVERED                           \
	"qvm-remote-auth 2\n"                     \
	"key 16d5233f72b10cf0\n"                  \
	"kind run\n"                              \
	"issued 1771425022\n"                     \
	"expires 1771425352\n"                    \
	"timeout 300\n"                           \
	"order now\n"                             \
	"note -\n"                                \
	"body 8 4726de74e6ad02ddb5decee701960c06" \
	"c6fd91a871f95238350941eed7dbb22a\n"      \
	"input -\n"
#define V_TOKEN_MAC \
	"96c9e56eb277b8fd7819d8c7932fadacfa8f6447176c600bceccf856fc03e202"
#define V_TOKEN V_TOKEN_COVERED "mac " V_TOKEN_MAC "\n"

#define V_CANCEL_COVERED             \
	"qvm-remote-auth 2\n"        \
	"key 16d5233f72b10cf0\n"     \
	"kind cancel\n"              \
	"issued 1771425022\n"        \
	"expires 1771425352\n"       \
	"timeout -\n"                \
	"order now\n"                \
	"note -\n"                   \
	"body 0 " V_SHA_NOTHING "\n" \
	"input -\n"
#define V_CANCEL_MAC \
	"ab0807ba5e6e317aa4ad129bdf6b1e2e511d50ecd95ecb0d7439c564e8868496"
#define V_CANCEL V_CANCEL_COVERED "mac " V_CANCEL_MAC "\n"

#define V_TOKEN_INPUT_SHA \
	"9e11906ef353be176dcf64a19cc09fd32e4d2b84275c05da5f91faf7e207f951"
#define V_TOKEN_INPUT_COVERED                      \
	"qvm-remote-auth 2\n"                      \
	"key 16d5233f72b10cf0\n"                   \
	"kind run\n"                               \
	"issued 1771425022\n"                      \
	"expires 1771425352\n"                     \
	"timeout -\n"                              \
	"order queue\n"                            \
	"note weekly mac check\n"                  \
	"body 6 309e770b3091ec0182eaf9c602ac585f"  \
	"9361217cc7fef3599f7e2597840a5c4f\n"       \
	"input 3 ba7816bf8f01cfea414140de5dae2223" \
	"b00361a396177a9cb410ff61f20015ad\n"
#define V_TOKEN_INPUT_MAC \
	"7c3d0a46922b68af4b4b18a33e37af3c4f0712b1192f01ef9db01732f87680c4"
#define V_TOKEN_INPUT V_TOKEN_INPUT_COVERED "mac " V_TOKEN_INPUT_MAC "\n"

#define V_RECEIPT_COVERED                          \
	"qvm-remote-receipt 2\n"                   \
	"id " V_ID "\n"                            \
	"request " V_TOKEN_SHA "\n"                \
	"status exited\n"                          \
	"exit 0\n"                                 \
	"reason -\n"                               \
	"started 1771425022.514000\n"              \
	"ended 1771425022.517250\n"                \
	"out 3 3 dc51b8c96c2d745df3bd5590d990230a" \
	"482fd247123599548e0632fdbf97fc22\n"       \
	"err 0 0 " V_SHA_NOTHING "\n"              \
	"log 42 c53003c4d09275495646eb40c6971132"  \
	"97ba9b4b40bb9a37e8e5199b5eebaacf\n"
#define V_RECEIPT_MAC \
	"0d14b732793019b5c4daeddcab5a8c997d46f1c32785fa4086e407e97244276c"
#define V_RECEIPT V_RECEIPT_COVERED "mac " V_RECEIPT_MAC "\n"

#define V_REFUSAL                     \
	"qvm-remote-receipt 2\n"      \
	"id " V_ID "\n"               \
	"request " V_TOKEN_SHA "\n"   \
	"status rejected\n"           \
	"exit 255\n"                  \
	"reason token not accepted\n" \
	"started -\n"                 \
	"ended -\n"                   \
	"out 0 0 " V_SHA_NOTHING "\n" \
	"err 0 0 " V_SHA_NOTHING "\n" \
	"log -\n"

#endif
