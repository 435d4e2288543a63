/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Random but complete configurations, straight as models: also what the configuration language
 * would refuse (hostile names, sync interfaces in rules), since the compiler must cope with any
 * model.
 */
#pragma once
#include "base/prng.h"
#include "core/conf/model.h"
#include "base/arena.h"

const struct conf_model *random_model(struct arena *a, struct prng *p);
