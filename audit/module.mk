LIBS += audit
