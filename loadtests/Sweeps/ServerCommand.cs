using Btx.LoadTests.Records;

namespace Btx.LoadTests.Sweeps;

/// <summary>The program that a sweep starts its servers with.</summary>
internal sealed record ServerCommand(string File, IReadOnlyList<string> Arguments)
{
    /// <summary>Names the program where the command line does not; the launcher sets it.</summary>
    public const string Variable = "BTX_SERVER_PROGRAM";

    /// <param name="path">Btx.Server.dll or an executable; null: as <see cref="Variable"/> says.</param>
    /// <exception cref="LoadTestException">None is named, or it is not there.</exception>
    public static ServerCommand Find(string? path)
    {
        var said = path is null ? Variable : "--server-command";
        path ??= Environment.GetEnvironmentVariable(Variable) is { Length: > 0 } set ? set
            : throw new LoadTestException("which program serves? Run `./btx loadtest`, or name it with --server-command FILE or in "
                + $"{Variable}; --server ADDRESS loads a running one");
        if (!System.IO.File.Exists(path)) throw new LoadTestException($"{said} {path}: not found; name Btx.Server.dll or an executable");
        path = Path.GetFullPath(path);
        if (!path.EndsWith(".dll", StringComparison.Ordinal)) return new(path, []);
        var host = Environment.ProcessPath is { } self && Path.GetFileNameWithoutExtension(self) == "dotnet" ? self : "dotnet";
        return new(host, [path]);
    }
}

/// <summary>Points with equal keys are measured on one server process. Peers have none.</summary>
internal sealed record ServerKey(string Precision, string Options)
{
    /// <returns>Null: the point is a peer's.</returns>
    public static ServerKey? Of(PointSettings settings) => settings.Mode.StartsWith("peer:", StringComparison.Ordinal)
        ? null
        : new(settings.Precision,
        string.Join(' ', settings.Options.OrderBy(o => o.Key, StringComparer.Ordinal).Select(o => $"{o.Key}={o.Value}")));

    public override string ToString() => Options.Length == 0 ? Precision : $"{Precision} {Options}";
}
