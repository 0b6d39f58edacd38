LIBS += policy
