using System.CommandLine;

namespace Btx.Cli.Tests;

/// <summary>Exit codes, and what is said on standard error.</summary>
public sealed class ProgramFrameTests
{
    private static readonly Lock Console = new();
    private static string said = "";

    private static (int Code, string Errors) Run(Action deed, params string[] args) => Run(null, deed, args);

    private static (int Code, string Errors) Run(TextWriter? to, Action deed, params string[] args)
    {
        var inner = new Command("inner", "does it") { new Option<int?>("--k"), new Choice("--one", ["a", "b"], "of two"),
            new Argument<string?>("text") { Arity = ArgumentArity.ZeroOrOne } };
        inner.SetAction(_ =>
        {
            deed();
            return 0;
        });
        var frame = new ProgramFrame
        {
            Name = "btx outer",
            Description = "a program",
            Verbs = [new Command("verb", "makes what\nis asked for: twice. And more") { inner }],
            IsForTheUser = e => e is FormatException,
            Stopped = "stopped; again goes on",
        };
        lock (Console)
        {
            var (output, error) = (System.Console.Out, System.Console.Error);
            using StringWriter errors = new(), lines = new();
            System.Console.SetError(errors);
            System.Console.SetOut(to ?? lines);
            try
            {
                return (frame.RunAsync(args, TestContext.Current.CancellationToken).GetAwaiter().GetResult(), errors.ToString());
            }
            finally
            {
                said = lines.ToString();
                System.Console.SetOut(output);
                System.Console.SetError(error);
            }
        }
    }

    [Fact]
    public void A_verb_that_returns_is_done() => Assert.Equal((0, ""), Run(() => { }, "verb", "inner", "--k", "3"));

    [Fact]
    public void A_command_line_that_cannot_be_read_names_the_verb_whose_help_helps()
    {
        Assert.Equal((2, "error: --k \"x\": expected a whole number\nsee: btx outer verb inner --help\n"),
            Run(() => { }, "verb", "inner", "--k", "x"));
        Assert.Equal((2, "error: --one \"c\": use a, b\nsee: btx outer verb inner --help\n"),
            Run(() => { }, "verb", "inner", "--one", "c"));
        Assert.Equal((2, "error: unknown command \"bogus\"\nsee: btx outer verb --help\n"), Run(() => { }, "verb", "bogus"));
        Assert.Equal((2, "error: unknown option \"--kk\"\nsee: btx outer verb --help\n"), Run(() => { }, "verb", "--kk", "x"));
        Assert.Equal((2, "error: Required command was not provided.\nsee: btx outer verb --help\n"), Run(() => { }, "verb"));
        var (code, errors) = Run(() => { }, "verb", "inner", "--kk");
        Assert.Equal(2, code);
        Assert.StartsWith("error: unknown option \"--kk\"; a text that begins with - goes behind --\n", errors, StringComparison.Ordinal);
    }

    [Fact]
    public void A_list_of_verbs_says_what_each_is_for_and_its_own_help_the_rest()
    {
        Assert.Equal((0, ""), Run(() => { }, "--help"));
        Assert.Contains("btx outer [command]", said, StringComparison.Ordinal);
        Assert.Contains("  verb  makes what is asked for\n", said, StringComparison.Ordinal);
        Assert.Equal((0, ""), Run(() => { }, "verb", "--help"));
        Assert.Contains("is asked for: twice. And more\n", said, StringComparison.Ordinal);
    }

    /// <summary>The second is how the runtime reports a closed descriptor.</summary>
    [Fact]
    public void A_standard_output_that_cannot_be_written_is_named_by_every_verb_and_by_the_help()
    {
        using var full = new Unwritable(new IOException("No space left on device"));
        using var closed = new Unwritable(new UnauthorizedAccessException("Access to the path is denied.",
            new IOException("Bad file descriptor")));
        void Say() => System.Console.WriteLine("said");
        Assert.Equal((1, "error: standard output cannot be written: No space left on device\n"), Run(full, Say, "verb", "inner"));
        Assert.Equal((1, "error: standard output cannot be written: Bad file descriptor\n"), Run(closed, Say, "verb", "inner"));
        Assert.Equal((1, "error: standard output cannot be written: Bad file descriptor\n"), Run(closed, Say, "verb", "--help"));
    }

    private sealed class Unwritable(Exception failure) : TextWriter
    {
        public override System.Text.Encoding Encoding => System.Text.Encoding.UTF8;

        public override void Write(char value) => throw failure;
    }

    [Fact]
    public void What_is_for_the_user_is_one_line_and_a_stop_says_how_to_go_on()
    {
        Assert.Equal((1, "error: name the file\n"), Run(() => throw new FormatException("name the file"), "verb", "inner"));
        Assert.Equal((1, "error: name the file\n"),
            Run(() => Parallel.Invoke(() => throw new FormatException("name the file"), () => { }), "verb", "inner"));
        Assert.Equal((1, "error: cannot be read or written: No space left on device\n"),
            Run(() => throw new IOException("No space left on device"), "verb", "inner"));
        Assert.Equal((130, "stopped; again goes on\n"), Run(() => throw new OperationCanceledException(), "verb", "inner"));
        Assert.Equal((130, "stopped; again goes on\n"),
            Run(() => Parallel.Invoke(() => throw new OperationCanceledException(), () => { }), "verb", "inner"));
        Assert.Equal((1, "error: two lines (InvalidOperationException; BTX_STACK=1 shows where)\n"),
            Run(() => throw new InvalidOperationException("two\nlines"), "verb", "inner"));
    }
}
