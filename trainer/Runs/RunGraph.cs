using System.Globalization;
using System.Security.Cryptography;
using System.Text;

namespace Btx.Trainer.Runs;

/// <summary>Where stages run, so many at once; the cores of each are for a scheduler that reserves them.</summary>
public sealed record Lane(string Name, int AtOnce, int Cores = 1);

/// <summary>One command of a run.</summary>
/// <param name="Command">Program and arguments; <c>btx</c> stands for this repository's launcher.</param>
public sealed record Stage(string Name, IReadOnlyList<string> Command, Lane Lane)
{
    public IReadOnlyList<string> After { get; init; } = []; // stages that must be done before, or, for a service, be ready

    /// <summary>Files that are there when the stage is done. A stage with none runs every time.</summary>
    public IReadOnlyList<string> Outputs { get; init; } = [];
    public string? Log { get; init; } // file for everything that the command prints; null: none
    public string? About { get; init; } // what is done, in one line
    public bool Shown { get; init; } // whether its standard output is shown when it has ended, not only its last line

    /// <summary>Of a service: a line with this text says that it is ready. It is stopped when every stage after it has ended.</summary>
    public string? ReadyLine { get; init; }

    /// <summary>The command as one would type it.</summary>
    public string CommandLine => string.Join(' ', Command.Select(word =>
        word.All(c => char.IsAsciiLetterOrDigit(c) || "-_=,.:/+".Contains(c)) ? word : $"'{word}'"));

    /// <summary>The words of a command as it is written: an inserted value stays one word, an inserted list is as many as it has.</summary>
    public static string[] Words(FormattableString command) =>
        [.. command.Format.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries).SelectMany(word =>
            word is ['{', .. var number, '}'] && int.TryParse(number, out var i) && command.GetArgument(i) is string[] list ? list
            : [string.Format(CultureInfo.InvariantCulture, word, command.GetArguments())])];
}

/// <summary>Stages in the order of their priority, each behind those that it comes after. A value: it can be printed, run here, or given to
/// a cluster's scheduler. A stage is finished when the mark beside its log bears its key and its outputs are there; the key covers its
/// command and those of all stages before it, so a changed command runs again with all that follows from it.</summary>
public sealed class RunGraph
{
    private readonly Dictionary<string, string> keys = new(StringComparer.Ordinal);

    /// <exception cref="BtxException">A name comes twice, or a stage comes after one that is not in front of it.</exception>
    public RunGraph(IEnumerable<Stage> stages)
    {
        Stages = [.. stages];
        foreach (var stage in Stages)
        {
            if (stage.After.FirstOrDefault(a => !keys.ContainsKey(a)) is { } missing)
                throw new BtxException($"stage {stage.Name} comes after {missing}, which is not in front of it");
            var text = string.Join('\0', [.. stage.Command, .. stage.After.Select(a => keys[a])]);
            if (!keys.TryAdd(stage.Name, Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text)))))
                throw new BtxException($"two stages are named {stage.Name}");
        }
    }

    public IReadOnlyList<Stage> Stages { get; }

    /// <summary>What is to be done, as text: each stage with its lane, what it comes after, and its command.</summary>
    public IEnumerable<string> Lines() => Stages.SelectMany(stage => (string[])
        [$"{stage.Name}: lane {stage.Lane.Name} ({stage.Lane.AtOnce} at once, {stage.Lane.Cores} cores each)"
            + (stage.After.Count > 0 ? $", after {string.Join(", ", stage.After)}" : "") + (IsFinished(stage) ? ", finished" : ""),
            $"  {stage.CommandLine}"]);

    internal bool IsFinished(Stage stage) =>
        stage.Outputs.Count > 0 && Mark(stage) is { } mark && File.Exists(mark) && File.ReadAllText(mark).Trim() == keys[stage.Name]
        && stage.Outputs.All(Path.Exists);

    internal void SetFinished(Stage stage)
    {
        if (stage.Outputs.Count > 0 && Mark(stage) is { } mark) AtomicFile.WriteText(mark, keys[stage.Name] + "\n");
    }

    private static string? Mark(Stage stage) => Path.ChangeExtension(stage.Log, ".done");
}
