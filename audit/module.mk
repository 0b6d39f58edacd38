LIBS += audit

TESTS += $(B)/audit/text_test $(B)/audit/record_test $(B)/audit/line_test \
	$(B)/audit/segment_test
$(B)/audit/text_test: $(B)/audit/text_test.o $(B)/audit/text.o
$(B)/audit/record_test: $(B)/audit/record_test.o $(B)/audit/record.o \
	$(B)/audit/text.o
$(B)/audit/line_test: $(B)/audit/line_test.o $(B)/audit/line.o \
	$(B)/audit/record.o $(B)/audit/text.o
$(B)/audit/segment_test: $(B)/audit/segment_test.o $(B)/audit/segment.o

FUZZERS += $(B)/audit/line_fuzz
$(B)/audit/line_fuzz: $(B)/audit.fuzz.a
