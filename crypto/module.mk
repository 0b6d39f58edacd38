# Whoever links crypto.a links -lbearssl.
LIBS += crypto
