#ifndef POLICY_RISK_H
#define POLICY_RISK_H

#include "policy/policy.h"

/* Warns of lines that allow more, or deny less, than they seem to. */
void risk_warn(const char *name, const struct policy *,
    const struct policy_env *);

#endif
