namespace Btx.Cli.Tests;

public sealed class UsageErrorTests
{
    [Theory]
    [InlineData("Cannot parse argument 'abc' for option '--k' as expected type 'System.Nullable`1[System.Int32]'.",
        "--k \"abc\": expected a whole number")]
    [InlineData("Cannot parse argument '1e99' for option '--threads' as expected type 'System.Int64'.",
        "--threads \"1e99\": expected a whole number")]
    [InlineData("Cannot parse argument 'it's' for option '--lr' as expected type 'System.Nullable`1[System.Double]'.",
        "--lr \"it's\": expected a number")]
    [InlineData("Argument 'best' not recognized. Must be one of:\n\t'top2'\n\t'soft'",
        "Argument 'best' not recognized. Must be one of: 'top2' 'soft'")]
    [InlineData("Option '--out' is required.", "Option '--out' is required.")]
    public void One_line_without_type_names(string message, string expected) => Assert.Equal(expected, UsageError.Plain(message));

    [Theory]
    [InlineData("unknown option \"--max-token=5\"; a text that begins with - goes behind --", "generate", "--max-token=5")]
    [InlineData("unknown option \"-x\"; a text that begins with - goes behind --", "generate", "-x", "--seed", "1")]
    [InlineData(null, "generate", "-")]
    [InlineData(null, "generate", "-5 degrees")]
    [InlineData(null, "generate", "- an item")]
    [InlineData(null, "generate", "--", "--max-token=5")]
    public void An_unknown_option_is_no_value(string? expected, params string[] args) =>
    Assert.Equal(expected, UsageError.UnknownOption(args, args.Skip(1).Where(a => a != "--")));

    [Theory]
    [InlineData(null, "serve", "--out", "x", "--force")]
    [InlineData(null, "serve", "--out=--force")]
    [InlineData(null, "serve", "--out", "--like-a-text")]
    [InlineData(null, "serve", "--force", "--out", "x")]
    [InlineData(null, "serve", "--", "--out", "--force")]
    [InlineData("--out has no value: --force behind it is an option; if it is meant, write --out=--force", "serve", "--out", "--force")]
    [InlineData("--out has no value: --out behind it is an option; if it is meant, write --out=--out", "serve", "--out", "--out", "x")]
    public void An_option_is_no_value_of_the_one_before_it(string? expected, params string[] args) =>
        Assert.Equal(expected is null ? [] : [expected], UsageError.OptionsAsValues(args, (["--out", "--force"], ["--out"])));
}
