#pragma once

namespace hearth::apps {

// `hearth-runner quantize --from F --to F --type T`: one model, then the end; the exit code tells how it went and the
// last line of stderr why. Killing it is the way to stop it.
[[nodiscard]] int quantize(int argc, char** argv);

}  // namespace hearth::apps
