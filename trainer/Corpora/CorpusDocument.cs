namespace Btx.Trainer.Corpora;

/// <summary>One document: an id that is unique in its domain and stable from run to run, and its text.</summary>
public sealed record CorpusDocument(string Id, string Text);
