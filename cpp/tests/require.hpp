// Checks inside loops over many values: doctest is called on a failure only, and few templates are instantiated.
#pragma once

#include <doctest/doctest.h>

#include <cstdarg>
#include <cstdio>
#include <string>

namespace seqfuse::tests {

[[gnu::format(printf, 1, 2)]] inline std::string formatted(const char* format, ...) {
  char text[512];
  std::va_list arguments;
  va_start(arguments, format);
  std::vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  return text;
}

inline std::string formatted() { return {}; }

}  // namespace seqfuse::tests

// REQUIRE_EACH(condition) or REQUIRE_EACH(condition, "x = %g", x): a failure ends the test case.
#define REQUIRE_EACH(condition, ...)                                                \
  do {                                                                              \
    if (!(condition)) FAIL(#condition " ", seqfuse::tests::formatted(__VA_ARGS__)); \
  } while (false)
