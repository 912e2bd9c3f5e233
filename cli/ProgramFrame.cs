using System.CommandLine;
using System.CommandLine.Help;
using System.CommandLine.Parsing;
using System.Globalization;
using System.Text.RegularExpressions;

namespace Btx.Cli;

/// <summary>The frame of every program: reads the command line, runs the verb, and turns whatever is thrown into one line and an exit code:
/// 0 done, 1 failed, 2 the command line cannot be read, 130 stopped.</summary>
public sealed partial record ProgramFrame
{
    /// <summary>How a user calls the program: <c>btx</c>, <c>btx loadtest</c>.</summary>
    public required string Name { get; init; }

    public required string Description { get; init; }

    public required IReadOnlyList<Command> Verbs { get; init; }

    /// <summary>Whether a failure's message is written for the user: one line that says what to do.</summary>
    public required Func<Exception, bool> IsForTheUser { get; init; }

    /// <summary>What else is wrong with a verb's options, told with what is wrong on the command line; where that is in order, the verb
    /// tells it.</summary>
    public IEnumerable<string> MoreProblems { get; init; } = [];

    /// <summary>Said when a verb was stopped.</summary>
    public string Stopped { get; init; } = "stopped";

    /// <summary>With <c>--json -</c> whatever is written to the console goes to standard
    /// error: the verb writes its report past it.</summary>
    public bool JsonStandsAlone { get; init; }

    /// <summary>A verb ends by itself when it is told to stop; this is for one that does not. Null: the verb treats signals
    /// itself.</summary>
    public TimeSpan? TerminationTimeout { get; init; } = TimeSpan.FromMinutes(1);

    /// <param name="stop">Stops the verb like Ctrl-C.</param>
    /// <returns>The exit code.</returns>
    public async Task<int> RunAsync(string[] args, CancellationToken stop = default)
    {
        CultureInfo.DefaultThreadCurrentCulture = CultureInfo.CurrentCulture = CultureInfo.InvariantCulture;
        string[] names = Name.Split(' ');
        var program = new Command(names[^1], Description) { new HelpOption(), new VersionOption() };
        foreach (var verb in Verbs) program.Subcommands.Add(verb);
        var root = names.Length == 1 ? program : new Command(names[0]) { program };
        var parsed = root.Parse([.. names[1..], .. args]);
        // A list of verbs shows what each is for; the verb's own help shows the rest.
        foreach (var verb in parsed.CommandResult.Command.Subcommands)
            verb.Description = Gist().Match(verb.Description ?? "").Value.ReplaceLineEndings(" ");
        if (Problems(parsed, args) is { Count: > 0 } problems)
        {
            foreach (var problem in problems.Concat(MoreProblems)) Console.Error.WriteLine($"error: {problem}");
            Console.Error.WriteLine($"see: {string.Join(' ', [.. Path(parsed.CommandResult), "--help"])}");
            return 2;
        }

        var output = Console.Out;
        var isJson = JsonStandsAlone
            && parsed.Tokens.Zip(parsed.Tokens.Skip(1)).Any(pair => (pair.First.Value, pair.Second.Value) is ("--json", "-"));
        Console.SetOut(isJson ? Console.Error : new NamedOutput(output));
        try
        {
            var invocation = new InvocationConfiguration
            {
                EnableDefaultExceptionHandler = false,
                ProcessTerminationTimeout = TerminationTimeout,
            };
            return await parsed.InvokeAsync(invocation, stop).ConfigureAwait(false);
        }
        catch (Exception thrown)
        {
            return Tell(Cause(thrown));
        }
        finally
        {
            Console.SetOut(output);
        }
    }

    // Work in parallel wraps what is thrown.
    private static Exception Cause(Exception e) => e is AggregateException { InnerException: { } inner } ? Cause(inner) : e;

    private int Tell(Exception e)
    {
        var expected = IsForTheUser(e);
        // Of a file system: a full disk, a closed output, a path that cannot be.
        var isFile = e is IOException or UnauthorizedAccessException;
        Console.Error.WriteLine(expected ? $"error: {e.Message}" : e is OperationCanceledException ? Stopped
            : e is OutputException ? $"error: {e.Message}"
            : isFile ? $"error: cannot be read or written: {e.Message.ReplaceLineEndings(" ")}"
            : $"error: {e.Message.ReplaceLineEndings(" ")} ({e.GetType().Name}; BTX_STACK=1 shows where)");
        if (expected) return 1;
        if (e is OperationCanceledException) return 130;
        if (Environment.GetEnvironmentVariable("BTX_STACK") == "1") Console.Error.WriteLine(e);
        return 1;
    }

    private static List<string> Problems(ParseResult parsed, string[] args)
    {
        var command = parsed.CommandResult.Command;
        if (command.Subcommands.Count > 0 && parsed.UnmatchedTokens is [var first, ..])
            return [UsageError.Unknown(first[0] == '-' ? "option" : "command", first)];
        List<string> problems =
            [.. parsed.Errors.Select(error => UsageError.Plain(error.Message, (error.SymbolResult as OptionResult)?.Option.Name)),
            .. UsageError.OptionsAsValues(args, Names(command))];
        var values = parsed.CommandResult.Children.OfType<ArgumentResult>().SelectMany(a => a.Tokens).Select(t => t.Value);
        if (problems.Count == 0 && UsageError.UnknownOption(args, values) is { } unknown) problems.Add(unknown);
        return problems;
    }

    // Of all options, and of those that take a value.
    private static (HashSet<string> All, HashSet<string> WithValue) Names(Command command)
    {
        static HashSet<string> Of(IEnumerable<Option> options) =>
            [.. options.SelectMany(option => (string[])[option.Name, .. option.Aliases])];
        return (Of(command.Options), Of(command.Options.Where(option => option.Arity.MinimumNumberOfValues > 0)));
    }

    // Names of the commands that led here.
    private static IEnumerable<string> Path(CommandResult result) =>
        [.. result.Parent is CommandResult above ? Path(above) : [], result.Command.Name];

    // A sentence up to its first point, colon or semicolon.
    [GeneratedRegex(@"^.*?(?=[.:;](\s|$)|\n\n|$)", RegexOptions.Singleline)]
    private static partial Regex Gist();
}
