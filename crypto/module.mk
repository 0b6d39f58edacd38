# Whoever links crypto.a links -lbearssl.
LIBS += crypto

TESTS += $(B)/crypto/hash_test $(B)/crypto/hex_test $(B)/crypto/key_test \
	$(B)/crypto/random_test $(B)/crypto/seal_test
$(B)/crypto/hash_test: $(B)/crypto/hash_test.o $(B)/crypto/hash.o \
	$(B)/crypto/hmac.o $(B)/crypto/hex.o
$(B)/crypto/hash_test: LDLIBS += -lbearssl
$(B)/crypto/hex_test: $(B)/crypto/hex_test.o $(B)/crypto/hex.o
$(B)/crypto/key_test: $(B)/crypto/key_test.o $(B)/crypto/key.o \
	$(B)/crypto/hash.o $(B)/crypto/hmac.o $(B)/crypto/hex.o
$(B)/crypto/key_test: LDLIBS += -lbearssl
$(B)/crypto/random_test: $(B)/crypto/random_test.o $(B)/crypto/random.o
$(B)/crypto/seal_test: $(B)/crypto/seal_test.o $(B)/crypto/seal.o \
	$(B)/crypto/hash.o $(B)/crypto/hmac.o $(B)/crypto/hex.o
$(B)/crypto/seal_test: LDLIBS += -lbearssl
