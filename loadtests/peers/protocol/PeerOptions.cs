namespace Btx.Peers;

/// <summary>Options that every peer has; a peer's own are left in <see cref="Rest"/>.</summary>
internal sealed record PeerOptions
{
    public const string Help = """
          --model DIR       what is served
          --threads 1       threads of the library's matrix products
          --slots 1         requests that run at a time
          --context N       tokens of prompt and answer together; the model's own if left out
        """;

    public required string Model { get; init; }

    public int Threads { get; init; } = 1;

    public int Slots { get; init; } = 1;

    public int? Context { get; init; }

    public IReadOnlyDictionary<string, string> Rest { get; init; } = new Dictionary<string, string>();

    /// <exception cref="PeerException">Wrong usage.</exception>
    public static PeerOptions Parse(string[] args, params string[] own)
    {
        var values = new Dictionary<string, string>();
        for (var i = 0; i < args.Length; i += 2)
        {
            if (args[i] is not ("--model" or "--threads" or "--slots" or "--context") && !own.Contains(args[i]))
                throw new PeerException($"{args[i]}: unknown option");
            if (i + 1 == args.Length) throw new PeerException($"{args[i]} needs a value");
            values[args[i]] = args[i + 1];
        }

        int? Number(string name) => !values.TryGetValue(name, out var text) ? null
            : int.TryParse(text, out var n) && n > 0 ? n : throw new PeerException($"{name} {text}: expected a whole number above 0");
        return new PeerOptions
        {
            Model = values.TryGetValue("--model", out var model) ? model : throw new PeerException("--model is missing"),
            Threads = Number("--threads") ?? 1,
            Slots = Number("--slots") ?? 1,
            Context = Number("--context"),
            Rest = values.Where(v => own.Contains(v.Key)).ToDictionary(),
        };
    }
}
