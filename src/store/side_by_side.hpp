#pragma once

#include <cstddef>
#include <functional>

namespace hearth::store {

// Does `work` for 0 to `count` - 1, on up to four threads where that is many; returns when all is done. `work` does not
// throw.
void side_by_side(std::size_t count, const std::function<void(std::size_t)>& work);

}  // namespace hearth::store
