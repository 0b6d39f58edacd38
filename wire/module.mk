LIBS += wire
wire_OMIT := wire/vectors.c

TESTS += $(B)/wire/body_test $(B)/wire/emit_test $(B)/wire/frame_test \
	$(B)/wire/id_test $(B)/wire/receipt_test $(B)/wire/scan_test \
	$(B)/wire/token_test
$(B)/wire/body_test: $(B)/wire/body_test.o $(B)/wire/body.o
$(B)/wire/emit_test: $(B)/wire/emit_test.o $(B)/wire/emit.o
$(B)/wire/frame_test: $(B)/wire/frame_test.o $(B)/wire/frame.o \
	$(B)/wire/lengths.o $(B)/wire/emit.o $(B)/wire/id.o $(B)/wire/scan.o
$(B)/wire/id_test: $(B)/wire/id_test.o $(B)/wire/id.o $(B)/wire/scan.o
$(B)/wire/receipt_test: $(B)/wire/receipt_test.o $(B)/wire/receipt.o \
	$(B)/wire/digest.o $(B)/wire/emit.o $(B)/wire/id.o $(B)/wire/scan.o
$(B)/wire/scan_test: $(B)/wire/scan_test.o $(B)/wire/scan.o
$(B)/wire/token_test: $(B)/wire/token_test.o $(B)/wire/token.o \
	$(B)/wire/digest.o $(B)/wire/emit.o $(B)/wire/id.o $(B)/wire/scan.o

# What vectors_test.sh compares with.
TESTS += $(B)/wire/vectors
$(B)/wire/vectors: $(B)/wire/vectors.o $(B)/wire.a $(B)/crypto.a
$(B)/wire/vectors: LDLIBS += -lbearssl

# The seeds of each are in wire/corpus/NAME_fuzz.
FUZZERS += $(B)/wire/body_fuzz $(B)/wire/frame_fuzz $(B)/wire/id_fuzz \
	$(B)/wire/receipt_fuzz $(B)/wire/token_fuzz $(B)/wire/token_v1_fuzz
$(filter $(B)/wire/%,$(FUZZERS)): $(B)/wire.fuzz.a
