LIBS += wire
