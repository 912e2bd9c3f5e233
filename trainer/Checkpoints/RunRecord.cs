using System.Security.Cryptography;
using System.Text;
using Btx.Trainer.RoutingStatistics;

namespace Btx.Trainer.Checkpoints;

/// <summary><c>run.json</c> of a run directory: every option the run was started with, and its figures.</summary>
public sealed record RunRecord
{
    public const string FileName = "run.json";
    public const string Training = "training";
    public const string Finished = "finished";

    public required string Phase { get; init; } // seed, dense, expert or finetune
    public required string Name { get; init; }
    public string Status { get; init; } = Training; // training or Finished

    /// <summary>By flag or subject, as text: what must not change when the run is resumed.</summary>
    public required IReadOnlyDictionary<string, string> Options { get; init; }
    public required TrainingOptions Settings { get; init; } // the same as numbers: what later phases inherit

    /// <summary>What the initial weights are the average of; empty: random. The hash finds a directory that was moved.</summary>
    public IReadOnlyList<BranchParent> Parents { get; init; } = [];
    public long Parameters { get; init; }
    public long Steps { get; init; } // steps behind the weights
    public long Tokens { get; init; } // tokens that the weights were trained on
    public EarlyStop? EarlyStop { get; init; } // how the run ended where validation decided it; null where the run had to go to its end
    public long TextTokens { get; init; } // tokens of its text: of which Tokens are so many passes
    public double Seconds { get; init; }
    public double TokensPerSecond { get; init; }
    public double? Loss { get; init; } // mean of the last logged losses, nats per token
    public IReadOnlyDictionary<string, double>? ValidationBitsPerByte { get; init; } // by text source, at the end of the run
    public IReadOnlyDictionary<string, double>? Weights { get; init; } // share of the training windows by text source, where it was chosen

    /// <summary>Experts of a BTX model that starved while it was fine-tuned; null for a dense model.</summary>
    public IReadOnlyList<RoutingAlarm>? RoutingAlarms { get; init; }

    /// <summary>A finished run in one line.</summary>
    internal string Summary =>
        $"{Name}: {Quantity.WithUnit(Tokens, "tokens")}{(TextTokens > 0 ? $" ({(double)Tokens / TextTokens:F1} passes)" : "")}"
        + $" in {Quantity.Clock(TimeSpan.FromSeconds(Seconds))} ({Quantity.WithUnit(TokensPerSecond, "tokens")}/s), loss {Loss:F3}"
        + (ValidationBitsPerByte is { Count: > 0 } bits ? $", validation {bits.Values.Average():F3} bits/byte" : "");

    /// <summary>SHA-256 (hex) of the options.</summary>
    public string OptionsHash() => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(
        string.Join('\n', Options.OrderBy(o => o.Key, StringComparer.Ordinal).Select(o => $"{o.Key}={o.Value}")))));

    /// <summary>The record of a run directory; null if it has none.</summary>
    /// <exception cref="BtxException">There is one that cannot be read.</exception>
    public static RunRecord? Load(string directory) => Read<RunRecord>(Path.Combine(directory, FileName));

    /// <summary>A record of this or another kind; null if there is no such file.</summary>
    /// <exception cref="BtxException">It cannot be read.</exception>
    internal static T? Read<T>(string path) where T : class =>
        File.Exists(path) ? ManifestJson.Read<T>(BoundedFile.Read(path), path, "a record that can be read, start over with --fresh") : null;

    public void Save(string directory) => ManifestJson.Save(this, Path.Combine(directory, FileName));

    /// <summary>Throws unless <paramref name="options"/> are those the run was started with.</summary>
    /// <exception cref="BtxException">Gives one option's value now and then, preferably of an option that both
    /// have, and names the others that differ.</exception>
    public static void RequireSame(IReadOnlyDictionary<string, string> started, IReadOnlyDictionary<string, string> options,
        string directory)
    {
        string[] changed = [.. options.Keys.Concat(started.Keys).Distinct(StringComparer.Ordinal)
            .Where(key => started.GetValueOrDefault(key) != options.GetValueOrDefault(key))
            .OrderBy(key => started.ContainsKey(key) && options.ContainsKey(key) ? 0 : 1)];
        if (changed.Length == 0) return;
        var (before, now) = (started.GetValueOrDefault(changed[0], "(not set)"), options.GetValueOrDefault(changed[0], "(not set)"));
        var others = changed.Length == 1 ? "" : $" ({string.Join(", ", changed[1..])} changed too)";
        throw new BtxException($"{changed[0]} is {now}, but the run in {directory} was started with {before}{others}; use the same value "
            + "to resume it, --fresh to start over, or another directory");
    }
}
