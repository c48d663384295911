// Precompiled headers of the unit tests. Every file must still include the headers that it uses.
#pragma once
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/pch.h"
