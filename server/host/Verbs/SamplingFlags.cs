using Btx.V1;

namespace Btx.Server.Verbs;

/// <summary>The flags that choose how tokens are drawn.</summary>
internal static class SamplingFlags
{
    public static FlagTable<Sampling> Create() => new()
    {
        { new Flag<double?>("--temperature T", "0: always the most probable token (1)"), (s, value) => s.Temperature = value },
        { new Flag<double?>("--top-p P", "sample from the tokens that make up this probability (1)"), (s, value) => s.TopP = value },
        { new Flag<int?>("--top-k N", "sample from so many most probable tokens (all)"), (s, value) => s.TopK = value },
        { new Flag<double?>("--min-p P", "drop tokens less probable than this times the most probable one (0)"),
            (s, value) => s.MinP = value },
        { new Flag<double?>("--repetition-penalty X", "above 1: tokens seen before become less probable (1)"),
            (s, value) => s.RepetitionPenalty = value },
        { new Flag<double?>("--presence-penalty X", "tokens that the answer has become less probable, -2 to 2 (0)"),
            (s, value) => s.PresencePenalty = value },
        { new Flag<double?>("--frequency-penalty X", "the same, times how often it has them (0)"),
            (s, value) => s.FrequencyPenalty = value },
        { new Flag<int?>("--min-tokens N", "no end of the text before so many (0)"), (s, value) => s.MinTokens = value },
        { new Flag<long?>("--seed N", "the same seed gives the same text (random)"), (s, value) => s.Seed = value },
    };
}
