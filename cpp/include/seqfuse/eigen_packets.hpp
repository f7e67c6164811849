// Includes only the part of Eigen/Core that defines packets. Including all of Eigen/Core would slow down the
// compilation of every kernel.
//
// The order of the includes is that of Eigen/Core 3.4. For other versions of Eigen and other architectures, this file
// includes Eigen/Core itself. Files may include Eigen/Core after this file.
#pragma once

#ifndef EIGEN_FAST_MATH
#define EIGEN_FAST_MATH 0  // makes square roots correctly rounded
#endif

#include <Eigen/src/Core/util/Macros.h>

#if EIGEN_VERSION_AT_LEAST(3, 4, 0) && !EIGEN_VERSION_AT_LEAST(3, 4, 90) && (EIGEN_ARCH_x86_64 || EIGEN_ARCH_ARM64)

#include <Eigen/src/Core/util/DisableStupidWarnings.h>

#include <algorithm>
#include <array>
#include <cassert>
#include <cerrno>
#include <climits>
#include <cmath>
#include <complex>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <limits>

#include <Eigen/src/Core/util/ConfigureVectorization.h>

namespace Eigen {
using std::ptrdiff_t;
using std::size_t;
}  // namespace Eigen

// clang-format off: the order matters
#include <Eigen/src/Core/util/Constants.h>
#include <Eigen/src/Core/util/Meta.h>
#include <Eigen/src/Core/util/ForwardDeclarations.h>
#include <Eigen/src/Core/util/StaticAssert.h>
#include <Eigen/src/Core/util/XprHelper.h>
#include <Eigen/src/Core/util/Memory.h>
#include <Eigen/src/Core/NumTraits.h>
#include <Eigen/src/Core/MathFunctions.h>
#include <Eigen/src/Core/GenericPacketMath.h>
#include <Eigen/src/Core/MathFunctionsImpl.h>
#include <Eigen/src/Core/arch/Default/ConjHelper.h>
#include <Eigen/src/Core/arch/Default/Half.h>
#include <Eigen/src/Core/arch/Default/BFloat16.h>
#include <Eigen/src/Core/arch/Default/TypeCasting.h>
#include <Eigen/src/Core/arch/Default/GenericPacketMathFunctionsFwd.h>
#if defined(EIGEN_VECTORIZE_SSE)
#include <Eigen/src/Core/arch/SSE/PacketMath.h>
#include <Eigen/src/Core/arch/SSE/MathFunctions.h>
#endif
#if defined(EIGEN_VECTORIZE_AVX)
#include <Eigen/src/Core/arch/AVX/PacketMath.h>
#include <Eigen/src/Core/arch/AVX/MathFunctions.h>
#endif
#if defined(EIGEN_VECTORIZE_AVX512)
#include <Eigen/src/Core/arch/AVX512/PacketMath.h>
#include <Eigen/src/Core/arch/AVX512/MathFunctions.h>
#endif
#if defined(EIGEN_VECTORIZE_NEON)
#include <Eigen/src/Core/arch/NEON/PacketMath.h>
#include <Eigen/src/Core/arch/NEON/MathFunctions.h>
#endif
#include <Eigen/src/Core/arch/Default/Settings.h>
// clang-format on

#include <Eigen/src/Core/util/ReenableStupidWarnings.h>

#else
#include <Eigen/Core>
#endif
